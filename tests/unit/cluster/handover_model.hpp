#pragma once
#include <algorithm>
#include <deque>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tests/unit/cluster/handover_world.hpp"

/// All that can happen to connections that go back and forth between two processes: a world, and what may
/// happen to it next; tried breadth first, each world once. In every world is looked whether two could send
/// with the same keys, or one with a sequence number that was used; in those where nothing can happen any
/// more, what became of the connections.
namespace sluice::cluster::model {

template <class R>
class Explorer {
 public:
  using Worlds = World<R>;
  using Check = const char* (*)(const Worlds& end);

  struct Outcome {
    std::size_t worlds = 0, ends = 0, closed = 0;
    std::string wrong{};  ///< And how it came to that. Empty: nothing.
  };

  /// `check`: of a world in which nothing can happen any more; null, or what is wrong with it.
  Outcome explore(const Bounds& bounds, Check check) {
    Worlds first;
    first.left = bounds;
    first.holds[0][0] = 1;
    add(first, 0, "");
    Outcome outcome;
    while (!open_.empty()) {
      auto [now, index] = std::move(open_.front());
      open_.pop_front();
      if (now.wrong == nullptr) now.wrong = broken(now);
      if (now.wrong == nullptr && !step(now, index)) {
        ++outcome.ends;
        outcome.closed += now.holders(0) == 0;
        now.wrong = open_ends(now) ? "it never ends" : check(now);
      }
      outcome.worlds = seen_.size();
      if (now.wrong != nullptr) {
        outcome.wrong = std::string(now.wrong) + ":" + story(index);
        return outcome;
      }
    }
    return outcome;
  }

 private:
  using Kind = Message::Kind;
  using Act = Acts<R>;
  using SourcePhase = HandoverSource::Phase;
  using TargetPhase = HandoverTarget::Phase;
  using Time = Bounds::Time;

  // Worlds. ------------------------------------------------------------------------------------------

  struct Node {
    std::size_t before;
    std::string what;
  };

  /// True when it is new.
  bool add(const Worlds& world, std::size_t before, std::string what) {
    if (!seen_.insert(key_of(world)).second) return false;
    open_.emplace_back(world, nodes_.size());
    nodes_.push_back({before, std::move(what)});
    return true;
  }

  std::string story(std::size_t index) const {
    std::string text;
    for (; index != 0; index = nodes_[index].before) text = " " + nodes_[index].what + ";" + text;
    return text;
  }

  static std::string key_of(const Worlds& world) {
    std::string key;
    const auto put = [&key](auto value) { key += static_cast<char>(value); };
    for (const auto& process : world.processes) {
      put(process.alive), put(process.life), put(process.next_id), put(process.out.has_value());
      if (process.out) {
        const auto& out = *process.out;
        put(out.source.phase()), put(out.to_life), put(out.id), put(out.keys), put(out.frozen),
            put(out.wiped);
      }
      put(process.in.size());
      for (const auto& in : process.in)
        put(in.target.phase()), put(in.life), put(in.id), put(in.keys), put(in.version);
      put(process.asked.size());
      for (const auto& [life, id] : process.asked) put(life), put(id);
    }
    for (const auto& of : world.holds) put(of[0]), put(of[1]);
    for (const auto version : world.version) put(version);
    put(world.keys_used), put(world.left.handovers), put(world.left.lost), put(world.left.doubled);
    put(world.left.deaths), put(world.refused), put(world.commit_lost), put(world.wrong != nullptr);
    for (const Message& message : world.network) {
      put(message.kind), put(message.to), put(message.to_life), put(message.from_life), put(message.id);
      put(message.keys), put(message.version);
    }
    return key;
  }

  static const char* broken(const Worlds& world) {
    for (Number keys = 0; keys < Worlds::kKeys; ++keys)
      if (world.holders(keys) > 1) return "two can send with the same keys";
    for (const auto& process : world.processes)
      if (process.out && process.out->wiped && process.out->source.phase() == SourcePhase::kept)
        return "it was kept without its keys";
    return nullptr;
  }

  static bool open_ends(const Worlds& world) {
    return std::ranges::any_of(world.processes, [](const auto& process) {
      return (process.out && !Act::ended(process.out->source.phase())) ||
             std::ranges::any_of(process.in, [](const auto& in) { return !Act::ended(in.target.phase()); });
    });
  }

  // What may happen next. ----------------------------------------------------------------------------

  /// False: nothing but time, where it has no part, would change anything.
  bool step(const Worlds& now, std::size_t index) {
    bool moved = false;
    const auto next = [&](std::string what, auto&& change) {
      Worlds then = now;
      change(then);
      std::ranges::sort(then.network);
      if (key_of(then) == key_of(now)) return;
      moved = true;
      add(then, index, std::move(what));
    };
    messages(now, next);
    for (Number at = 0; at < kProcesses; ++at) {
      if (!now.processes[at].alive) continue;
      source_acts(now, at, next);
      target_acts(now, at, next);
    }
    if (now.left.time == Time::up_anytime || (now.left.time == Time::up_if_idle && !moved)) {
      for (Number at = 0; at < kProcesses; ++at) source_time(now, at, next);
      if (now.left.time == Time::up_anytime || !moved)
        for (Number at = 0; at < kProcesses; ++at) target_time(now, at, next);
    }
    for (Number at = 0; at < kProcesses && now.left.deaths > 0; ++at)
      if (now.processes[at].alive) next(name(at) + " dies", [at](Worlds& w) { Act::die(w, at); });
    for (Number at = 0; at < kProcesses; ++at)
      if (!now.processes[at].alive) next(name(at) + " is back", [at](Worlds& w) { Act::come_back(w, at); });
    return moved;
  }

  template <class Next>
  void messages(const Worlds& now, Next& next) {
    for (std::size_t i = 0; i < now.network.size(); ++i) {
      if (i > 0 && now.network[i] == now.network[i - 1]) continue;
      const Message message = now.network[i];
      const std::string what = word(message);
      const auto take = [i](Worlds& w) {
        w.network.erase(w.network.begin() + static_cast<std::ptrdiff_t>(i));
      };
      next(what + " comes", [&](Worlds& w) { take(w), Act::deliver(w, message, false); });
      if (message.kind == Kind::prepare && now.left.refusals)
        next(what + " is refused", [&](Worlds& w) { take(w), Act::deliver(w, message, true); });
      if (now.left.lost > 0) {
        next(what + " is lost", [&](Worlds& w) {
          take(w), --w.left.lost;
          w.commit_lost = w.commit_lost || message.kind == Kind::commit;
        });
      }
      if (now.left.doubled > 0)
        next(what + " is doubled", [&](Worlds& w) { w.network.push_back(message), --w.left.doubled; });
    }
  }

  template <class Next>
  void source_acts(const Worlds& now, Number at, Next& next) {
    const auto& out = now.processes[at].out;
    const bool idle = !out || Act::ended(out->source.phase());
    for (Number keys = 0; keys < now.keys_used && idle && now.left.handovers > 0; ++keys)
      if (now.holds[keys][at] > 0) next(name(at) + " asks", [=](Worlds& w) { Act::ask(w, at, keys); });
    if (!out) return;
    const auto phase = out->source.phase();
    if (phase == SourcePhase::prepared) next(name(at) + " offers", [at](Worlds& w) { Act::offer(w, at); });
    if ((phase == SourcePhase::ready || phase == SourcePhase::given) && !out->wiped)
      next(name(at) + " wipes", [at](Worlds& w) { Act::wipe(w, at); });
    if (phase == SourcePhase::ready && (out->wiped || !R::kWipesFirst))
      next(name(at) + " gives", [at](Worlds& w) { Act::give(w, at); });
    const bool can_stay = phase == SourcePhase::prepared || phase == SourcePhase::ready;
    if (now.left.stays && can_stay && !out->wiped)
      next(name(at) + " stays", [at](Worlds& w) { Act::go_back(w, at, w.processes[at].out->source.stay()); });
  }

  template <class Next>
  void target_acts(const Worlds& now, Number at, Next& next) {
    for (std::size_t i = 0; i < now.processes[at].in.size(); ++i) {
      if (now.processes[at].in[i].target.phase() != TargetPhase::restoring) continue;
      next(name(at) + " restores", [=](Worlds& w) { Act::restore(w, at, i); });
      if (now.left.refusals)
        next(name(at) + " can't",
             [=](Worlds& w) { w.refused = true, Act::give_up(w, at, w.processes[at].in[i]); });
    }
  }

  template <class Next>
  void source_time(const Worlds& now, Number at, Next& next) {
    const auto& out = now.processes[at].out;
    if (!out || Act::ended(out->source.phase())) return;
    next("time is up at the source, " + name(at),
         [at](Worlds& w) { Act::go_back(w, at, w.processes[at].out->source.keep()); });
  }

  template <class Next>
  void target_time(const Worlds& now, Number at, Next& next) {
    for (std::size_t i = 0; i < now.processes[at].in.size(); ++i) {
      if (Act::ended(now.processes[at].in[i].target.phase())) continue;
      next("time is up at the target, " + name(at),
           [=](Worlds& w) { Act::give_up(w, at, w.processes[at].in[i]); });
    }
  }

  // Words. -------------------------------------------------------------------------------------------

  static std::string name(Number process) { return process == 0 ? "A" : "B"; }

  static std::string word(const Message& message) {
    static constexpr const char* kWords[]{"PREPARE", "PREPARED", "STATE", "READY",
                                          "COMMIT",  "CANCEL",   "CANCEL"};
    return kWords[static_cast<std::size_t>(message.kind)] + std::string(" ") + std::to_string(message.id) +
           " to " + name(message.to);
  }

  std::unordered_set<std::string> seen_;
  std::deque<std::pair<Worlds, std::size_t>> open_;
  std::vector<Node> nodes_;
};

}  // namespace sluice::cluster::model
