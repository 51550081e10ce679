#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "cluster/handover.hpp"

/// All hand-overs of a process that are under way. Decides what a word of the other side, or its silence,
/// means for each; what is said, and how, is the caller's business. Any thread; locks for moments, and calls
/// nobody under a lock.
namespace sluice::cluster {

/// Of connections that go.
class Departures {
 public:
  using Done = std::function<void(bool)>;
  /// For the answer to PREPARE, while the client is not served, and to STATE.
  static constexpr std::chrono::milliseconds kAskPatience{150}, kPatience{1'000};

  /// `to`: whose words count. 0: of the only process there is.
  HandoverId begin(tls::MemberNumber to = 0);
  /// PREPARE is sent, or STATE: `done` is called once, with what came of it. May be called at once, when it
  /// is over already.
  void asked(HandoverId id, Done done, Monotonic::time_point now);
  void offered(HandoverId id, Done done, Monotonic::time_point now);
  /// The keys are wiped: COMMIT is to be sent. Aborts unless READY came before.
  void give(HandoverId id);
  /// The connection stays.
  void keep(HandoverId id);

  bool knows(HandoverId id, tls::MemberNumber from) const;

  // What the other side says. False when that is no news; who says READY then has to be told CANCEL.
  bool prepared(HandoverId id, tls::MemberNumber from = 0);
  bool ready(HandoverId id, tls::MemberNumber from = 0);
  bool refused(HandoverId id, tls::MemberNumber from = 0);
  /// It can't be reached, or something here can't go on.
  bool failed(HandoverId id);
  bool empty() const;

  /// Gives up who has waited for too long.
  void expire(Monotonic::time_point now);
  /// The other side is gone.
  void end_all();

 private:
  struct Entry {
    tls::MemberNumber to = 0;
    HandoverSource source{};
    Done done{};
    Monotonic::time_point deadline{};
  };
  void wait(HandoverId id, Done done, Monotonic::time_point now, bool offers);
  template <class Step>
  bool hear(HandoverId id, std::optional<tls::MemberNumber> from, Step step, bool fine);

  mutable std::mutex mutex_;
  HandoverId last_ = 0;
  std::map<HandoverId, Entry> entries_;
};

/// Of connections that come.
class Arrivals {
 public:
  /// Whose, of which of its processes, and its number. 0: of the only process there is.
  struct Key {
    tls::MemberNumber source = 0;
    std::uint64_t incarnation = 0;  ///< As it said hello: later processes give out the same numbers.
    HandoverId id = 0;
    auto operator<=>(const Key&) const = default;
  };
  /// Called once: whether the connection is ours.
  using Settle = std::function<void(bool)>;
  /// For the next word of the other side: longer than it waits for ours.
  static constexpr std::chrono::milliseconds kPatience{1'500};
  static constexpr std::size_t kMax = 4096;

  // What the other side says; false when it must not be, and CANCEL is the answer to PREPARE and STATE.
  bool prepare(const Key& key, Monotonic::time_point now);
  /// From now on `settle` is what it is waited with.
  bool state(const Key& key, Settle settle, Monotonic::time_point now);
  bool commit(const Key& key);
  void cancel(const Key& key);

  /// The connection is made: READY is to be sent, unless false.
  bool restored(const Key& key, Monotonic::time_point now);

  void expire(Monotonic::time_point now);
  /// That process is gone.
  void end_all(tls::MemberNumber source, std::uint64_t incarnation = 0);

 private:
  struct Entry {
    HandoverTarget target{};
    Settle settle{};
    Monotonic::time_point deadline{};
  };
  /// Takes those out for which `over` holds, and gives them up.
  template <class Over>
  void give_up(Over over);

  std::mutex mutex_;
  HandoverBook book_;
  std::map<Key, Entry> entries_;
};

}  // namespace sluice::cluster
