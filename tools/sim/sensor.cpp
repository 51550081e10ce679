#include "tools/sim/sensor.hpp"

#include <algorithm>
#include <utility>

namespace sluice::tools {

void Sensor::waited(double seconds) noexcept {
  least_s_ = waits_ == 0 ? seconds : std::min(least_s_, seconds);
  waits_ += 1;
  waited_s_ += seconds;
}

void Sensor::returned(double pause_s, double response_s) noexcept {
  const double weight = (pause_s + response_s) / (pause_s + target_s_);
  sample_.returns += 1;
  sample_.demand += weight;
  sample_.pause_s += pause_s * weight;
}

admission::Sample Sensor::take(double elapsed_s, double cpus, const admission::SessionTable::Change& sessions,
                               double oldest_s, double in_flight) noexcept {
  admission::Sample sample = std::exchange(sample_, {});
  sample.elapsed_s = elapsed_s;
  sample.cpus = cpus;
  sample.live = static_cast<double>(sessions.live);
  sample.departed = static_cast<double>(sessions.departed);
  sample.run_delay_min_s = waits_ > 0 ? least_s_ : oldest_s;
  sample.run_delay_mean_s = waits_ > 0 ? waited_s_ / waits_ : oldest_s;
  sample.in_flight = in_flight;
  waits_ = waited_s_ = least_s_ = 0;
  return sample;
}

}  // namespace sluice::tools
