#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "cluster/rebalance.hpp"

/// Which member the next connection goes to, if any: as rebalancing, an evacuation or the operator says. Any
/// thread; locks for moments.
namespace sluice::cluster {

class Mover {
 public:
  /// How many connections of this member are to stop now, to be asked where they go.
  struct Wanted {
    std::size_t idle = 0, busy = 0;
  };
  using Order = std::function<void(const Wanted&)>;

  explicit Mover(std::uint64_t seed) : rebalance_(Rebalance::kPerSecond, seed) {}
  /// Before start. Called at heartbeats, when somebody is to go.
  void set_order(Order order) { order_ = std::move(order); }

  // The cluster's thread.
  /// Every heartbeat. `rebalances`: of its own accord.
  void beat(const Digest& own, const std::vector<Member>& others, const Movable& movable, bool rebalances,
            Monotonic::time_point now);
  std::uint32_t taken(const Digest& own, std::uint32_t room) const;

  // Any thread.
  /// All are to go, from the next heartbeat on.
  void evacuate() noexcept { evacuating_ = true; }
  /// So many, because the operator wants it. Who can't go now is tried again, for kOrderFor.
  static constexpr std::chrono::seconds kOrderFor{10};
  void send(tls::MemberNumber to, std::size_t count, Monotonic::time_point now);
  /// A connection asks where to.
  struct Ticket {
    tls::MemberNumber to = 0;
    ConnectionKind kind = ConnectionKind::idle;
    bool ordered = false;  ///< By the operator, or as this member leaves: by whatever transport works.
    bool manual = false;   ///< By the operator.
  };
  std::optional<Ticket> next();
  /// It is there, or stayed. `refused`: the member would not have it, or can't be reached.
  void ended(const Ticket& ticket, bool gone, bool refused = false);
  /// Nobody goes, but as told by somebody else, until false.
  void pause(bool paused) noexcept { paused_ = paused; }

 private:
  mutable std::mutex mutex_;
  Rebalance rebalance_;
  std::vector<Move> moves_;  // left of this heartbeat's
  struct Ordered {
    std::size_t count = 0;
    Monotonic::time_point until{};
  };
  std::map<tls::MemberNumber, Ordered> ordered_;  // left of the operator's
  std::map<tls::MemberNumber, Monotonic::time_point> heard_;
  std::atomic<bool> evacuating_{false}, paused_{false};
  bool ordering_ = false;  // the last order was for somebody
  Order order_;
};

}  // namespace sluice::cluster
