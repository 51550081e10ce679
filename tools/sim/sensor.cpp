#include "tools/sim/sensor.hpp"

#include <algorithm>
#include <utility>

namespace sluice::tools {

void Sensor::waited(double seconds, bool behind) noexcept {
  Waits& waits = waits_[behind ? 1 : 0];
  waits.least_s = waits.count == 0 ? seconds : std::min(waits.least_s, seconds);
  waits.count += 1;
  waits.sum_s += seconds;
}

void Sensor::returned(double pause_s, double weight) noexcept {
  sample_.returns += 1;
  sample_.demand += weight;
  sample_.pause_s += pause_s * weight;
}

admission::Sample Sensor::take(double elapsed_s, double cpus, const admission::SessionTable::Change& sessions,
                               std::array<double, 2> oldest_s, double in_flight) noexcept {
  admission::Sample sample = std::exchange(sample_, {});
  sample.elapsed_s = elapsed_s;
  sample.cpus = cpus;
  sample.live = static_cast<double>(sessions.live);
  sample.departed = static_cast<double>(sessions.departed);
  for (std::size_t i = 0; i < waits_.size(); ++i) {
    const Waits& waits = waits_[i];
    const double least = waits.count > 0 ? waits.least_s : oldest_s[i];
    sample.run_delay_min_s = std::max(sample.run_delay_min_s, least);
  }
  const double count = waits_[0].count + waits_[1].count;
  sample.run_delay_mean_s = count > 0 ? (waits_[0].sum_s + waits_[1].sum_s) / count : oldest_s[0];
  sample.in_flight = in_flight;
  waits_ = {};
  return sample;
}

}  // namespace sluice::tools
