#pragma once
#include <array>

#include "admission/sample.hpp"
#include "admission/session_table.hpp"
#include "tools/sim/machine.hpp"

namespace sluice::tools {

/// Fills a Sample as the server's sensors do.
class Sensor {
 public:
  explicit Sensor(double response_target_s) noexcept : target_s_(response_target_s) {}

  /// Counters of the period under way; everybody adds to them.
  admission::Sample& now() noexcept { return sample_; }
  /// Work was taken up after so long a wait. `behind`: a handshake that came behind requests.
  void waited(double seconds, bool behind) noexcept;
  /// A request was answered: `pause_s` since the session's answer before, `pause_mean_s` its mean pause,
  /// `response_s` after it came.
  void returned(double pause_s, double pause_mean_s, double response_s) noexcept;

  /// The sample of the period that ends, and begins the next one. `oldest_s`: how long the first in each
  /// queue has been waiting, which is all there is to see when none was taken up.
  admission::Sample take(double elapsed_s, double cpus, const admission::SessionTable::Change& sessions,
                         std::array<double, 2> oldest_s, double in_flight) noexcept;

 private:
  const double target_s_;
  admission::Sample sample_{};
  struct Waits {
    double count = 0, sum_s = 0, least_s = 0;
  };
  std::array<Waits, 2> waits_{};  // in front, behind
};

}  // namespace sluice::tools
