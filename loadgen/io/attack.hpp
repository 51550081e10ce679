#pragma once
#include <memory>

#include "loadgen/io/loop.hpp"
#include "loadgen/io/socket.hpp"
#include "loadgen/options.hpp"
#include "loadgen/tally.hpp"

/// Hostile clients beside the honest load.
namespace sluice::loadgen {

/// One kind of attack at its rate, on one thread's loop. A connection that an attack holds open ends at the
/// timeout; at most `kHeldMax` are held at once, and what would be more is counted as failed. Everything an
/// attacker needs beforehand (a genuine ticket, a recorded hello) it gets by one honest handshake of its own
/// when it starts; that one is counted in `Tally::connections` as any other.
class AttackDriver {
 public:
  static constexpr std::size_t kHeldMax = 8000;

  /// Borrows everything, which must outlive it. `share` of `shares`: this thread's part of the rate.
  AttackDriver(Loop& loop, const Options& options, const Attack& attack, const Address& target,
               Sources& sources, Tally& tally, unsigned share, unsigned shares);
  ~AttackDriver();

  void start(Monotonic::time_point run_start);
  /// No new connections; those open are closed and counted as `held` unless they have ended.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::loadgen
