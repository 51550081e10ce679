#pragma once
#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "cluster/handover.hpp"

/// Two processes, the connections that go back and forth between them, and the messages that are under way:
/// how hand-overs are used, in small. What happens in which order is said by who uses it
/// (handover_model.hpp).
namespace sluice::cluster::model {

using Number = std::uint8_t;
constexpr Number kProcesses = 2, kNone = 0xff;

struct Message {
  enum class Kind : Number { prepare, prepared, state, ready, commit, cancel_of_source, cancel_of_target };
  Kind kind{};
  Number to = 0, to_life = 0, from_life = 0;  ///< The connection that carries it ends with either process.
  Number id = 0;                              ///< Of the hand-over, its source's.
  Number keys = 0, version = 0;               ///< Of a state.
  auto operator<=>(const Message&) const = default;

  Number from() const noexcept { return static_cast<Number>(1 - to); }
  bool for_target() const noexcept {
    return kind != Kind::prepared && kind != Kind::ready && kind != Kind::cancel_of_target;
  }
};

/// What may go wrong.
struct Bounds {
  int handovers = 1, lost = 0, doubled = 0, deaths = 0;
  enum class Time : Number {
    never_up,    ///< Nobody's patience ends.
    up_if_idle,  ///< Where nothing else can happen, and the source's before the target's.
    up_anytime,
  } time = Time::never_up;
  bool refusals = false;
  bool stays = false;  ///< Connections that were told to go may not.
};

/// The rules, and how they are used, under test.
struct Rules {
  using Source = HandoverSource;
  using Target = HandoverTarget;
  using Book = HandoverBook;
  static constexpr bool kWipesFirst = true;  ///< And then says COMMIT.
  static constexpr bool kTellsLives = true;  ///< Messages of an earlier process from those of a later one.
};

template <class R>
struct Outgoing {
  typename R::Source source{};
  Number to_life = 0, id = 0, keys = 0;
  bool frozen = false, wiped = false;
};

template <class R>
struct Incoming {
  typename R::Target target{};
  Number life = 0, id = 0;  ///< Of the source's process, and its number of the hand-over.
  Number keys = kNone, version = 0;
};

template <class R>
struct Process {
  bool alive = true;
  Number life = 1, next_id = 1;
  std::optional<Outgoing<R>> out{};
  std::vector<Incoming<R>> in{};
  std::vector<std::pair<Number, Number>> asked{};  ///< The book, by what it was asked.
};

template <class R>
struct World {
  static constexpr Number kKeys = 3;  ///< Connections: one at first, and one for each process that came back.

  std::array<Process<R>, kProcesses> processes{};
  std::vector<Message> network{};  ///< In any order.
  /// How often a process has them where it could send with them.
  std::array<std::array<Number, kProcesses>, kKeys> holds{};
  std::array<Number, kKeys> version{};  ///< Of what was sent with them, also what may have been.
  Number keys_used = 1;
  Bounds left{};
  bool refused = false;  ///< The last one.
  bool commit_lost = false;
  const char* wrong = nullptr;

  int holders(Number keys) const { return holds[keys][0] + holds[keys][1]; }
};

/// What a process does.
template <class R>
struct Acts {
  using Kind = Message::Kind;
  using TargetPhase = HandoverTarget::Phase;

  static void send(World<R>& w, Number from, Kind kind, Number to_life, Number id, Number keys = 0,
                   Number version = 0) {
    w.network.push_back({.kind = kind,
                         .to = static_cast<Number>(1 - from),
                         .to_life = to_life,
                         .from_life = w.processes[from].life,
                         .id = id,
                         .keys = keys,
                         .version = version});
  }

  static void ask(World<R>& w, Number at, Number keys) {
    --w.left.handovers;
    w.refused = false;
    auto& process = w.processes[at];
    process.out = {.to_life = w.processes[1 - at].life, .id = process.next_id++, .keys = keys};
    send(w, at, Kind::prepare, process.out->to_life, process.out->id);
  }

  static void offer(World<R>& w, Number at) {
    auto& out = *w.processes[at].out;
    out.source.offer();
    out.frozen = true;
    send(w, at, Kind::state, out.to_life, out.id, out.keys, w.version[out.keys]);
  }

  static void wipe(World<R>& w, Number at) {
    auto& out = *w.processes[at].out;
    out.wiped = true;
    --w.holds[out.keys][at];
  }

  static void give(World<R>& w, Number at) {
    auto& out = *w.processes[at].out;
    out.source.give();
    send(w, at, Kind::commit, out.to_life, out.id);
  }

  static void go_back(World<R>& w, Number at, bool kept) {
    auto& out = *w.processes[at].out;
    if (!kept) return;
    if (out.frozen) ++w.version[out.keys];
    out.frozen = false;
    send(w, at, Kind::cancel_of_source, out.to_life, out.id);
  }

  static void restore(World<R>& w, Number at, std::size_t which) {
    auto& in = w.processes[at].in[which];
    if (!in.target.restored()) return;
    send(w, at, Kind::ready, in.life, in.id);
    look_whether_it_owns(w, at, in);
  }

  static void give_up(World<R>& w, Number at, Incoming<R>& in) {
    if (!in.target.give_up()) return;
    if (in.target.phase() == TargetPhase::owner) return look_whether_it_owns(w, at, in);
    in.keys = kNone;  // wiped
    send(w, at, Kind::cancel_of_target, in.life, in.id);
  }

  static void look_whether_it_owns(World<R>& w, Number at, Incoming<R>& in) {
    if (in.target.phase() != TargetPhase::owner) return;
    if (in.keys == kNone) return void(w.wrong = "it owns a connection of which it has nothing");
    if (in.version != w.version[in.keys]) w.wrong = "it would use sequence numbers twice";
    ++w.holds[in.keys][at];
    ++w.version[in.keys];
  }

  static void deliver(World<R>& w, const Message& message, bool refuse) {
    auto& process = w.processes[message.to];
    if (!process.alive || process.life != message.to_life) return;
    if (message.for_target()) return deliver_to_target(w, message, refuse);
    if (!process.out || process.out->id != message.id) return;
    auto& source = process.out->source;
    if (message.kind == Kind::prepared) source.prepared();
    if (message.kind == Kind::ready) source.ready();
    if (message.kind == Kind::cancel_of_target && !ended(source.phase()))
      go_back(w, message.to, source.keep());
  }

  static void deliver_to_target(World<R>& w, const Message& message, bool refuse) {
    auto& process = w.processes[message.to];
    if (message.kind == Kind::prepare) return prepare(w, message, refuse);
    const auto in = std::ranges::find_if(process.in, [&](const auto& one) {
      return (one.life == message.from_life || !R::kTellsLives) && one.id == message.id;
    });
    if (in == process.in.end()) return;
    if (message.kind == Kind::state && in->target.state())
      in->keys = message.keys, in->version = message.version;
    if (message.kind == Kind::commit && in->target.commit()) look_whether_it_owns(w, message.to, *in);
    if (message.kind == Kind::cancel_of_source && in->target.give_up()) {
      in->keys = kNone;
      if (in->target.phase() == TargetPhase::owner) w.wrong = "it took what was kept";
    }
  }

  static void prepare(World<R>& w, const Message& message, bool refuse) {
    auto& process = w.processes[message.to];
    typename R::Book book;
    const Number life = message.from_life;
    for (const auto& [before, id] : process.asked) book.begin(1, before, id);
    process.asked.emplace_back(life, message.id);
    if (!book.begin(1, life, message.id)) return;
    if (refuse) {
      w.refused = true;
      return send(w, message.to, Kind::cancel_of_target, life, message.id);
    }
    std::erase_if(process.in, [&](const auto& in) { return in.life == life && in.id == message.id; });
    process.in.insert(process.in.begin(), {.life = life, .id = message.id});
    send(w, message.to, Kind::prepared, message.from_life, message.id);
  }

  static void die(World<R>& w, Number at) {
    --w.left.deaths;
    w.processes[at] = {.alive = false, .life = w.processes[at].life};
    for (auto& of : w.holds) of[at] = 0;
  }

  /// With a client of its own.
  static void come_back(World<R>& w, Number at) {
    w.processes[at] = {.life = static_cast<Number>(w.processes[at].life + 1)};
    w.holds[w.keys_used++][at] = 1;
  }

  static bool ended(HandoverSource::Phase phase) {
    return phase == HandoverSource::Phase::given || phase == HandoverSource::Phase::kept;
  }
  static bool ended(TargetPhase phase) { return phase == TargetPhase::owner || phase == TargetPhase::gone; }
};

}  // namespace sluice::cluster::model
