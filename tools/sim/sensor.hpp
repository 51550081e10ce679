#pragma once
#include <array>

#include "admission/sample.hpp"
#include "admission/session_table.hpp"
#include "tools/sim/machine.hpp"

namespace sluice::tools {

/// Fills a Sample as the server's sensors do.
class Sensor {
 public:
  /// Counters of the period under way; everybody adds to them.
  admission::Sample& now() noexcept { return sample_; }
  /// Work was taken up after so long a wait. `behind`: a handshake that came behind requests.
  void waited(double seconds, bool behind) noexcept;
  /// A request was answered that came `pause_s` after the session's answer before; `weight`: its demand.
  void returned(double pause_s, double weight) noexcept;

  /// The sample of the period that ends, and begins the next one. `oldest_s`: how long the first in each
  /// queue has been waiting, which is all there is to see when none was taken up.
  admission::Sample take(double elapsed_s, double cpus, const admission::SessionTable::Change& sessions,
                         std::array<double, 2> oldest_s, double in_flight) noexcept;

 private:
  admission::Sample sample_{};
  struct Waits {
    double count = 0, sum_s = 0, least_s = 0;
  };
  std::array<Waits, 2> waits_{};  // in front, behind
};

}  // namespace sluice::tools
