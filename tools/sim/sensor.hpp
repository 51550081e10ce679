#pragma once
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
  /// Work was taken up after so long a wait.
  void waited(double seconds) noexcept;
  /// A request was answered: `pause_s` since the session's answer before, `response_s` after it came.
  void returned(double pause_s, double response_s) noexcept;

  /// The sample of the period that ends, and begins the next one. `oldest_s`: how long the work in front
  /// has been waiting, which is all there is to see when none was taken up.
  admission::Sample take(double elapsed_s, double cpus, const admission::SessionTable::Change& sessions,
                         double oldest_s, double in_flight) noexcept;

 private:
  const double target_s_;
  admission::Sample sample_{};
  double waits_ = 0, waited_s_ = 0, least_s_ = 0;
};

}  // namespace sluice::tools
