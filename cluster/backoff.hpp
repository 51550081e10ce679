#pragma once
#include <algorithm>
#include <chrono>
#include <random>

#include "base/random.hpp"

namespace sluice::cluster {

/// How long to wait before the next try: twice as long each time, and never at the same time as others.
class Backoff {
 public:
  using Duration = std::chrono::milliseconds;

  Backoff(Duration least, Duration most)
      : least_(least), most_(most), wait_(least), random_(std::random_device{}()) {}

  /// Between a half and one and a half of what it is now.
  Duration next() {
    const Duration now = wait_;
    wait_ = std::min(2 * wait_, most_);
    return jittered(now, 0.5);
  }
  void reset() noexcept { wait_ = least_; }
  /// `time`, give or take `share` of it.
  Duration jittered(Duration time, double share) {
    const double factor = 1 + share * (2 * random_.unit() - 1);
    return Duration{static_cast<Duration::rep>(static_cast<double>(time.count()) * factor)};
  }

 private:
  const Duration least_, most_;
  Duration wait_;
  Random random_;
};

}  // namespace sluice::cluster
