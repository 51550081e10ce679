#include "tools/sim/cluster_series.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

#include "tools/sim/rows.hpp"

namespace sluice::tools {

namespace {

constexpr std::array<Column<ClusterSecond>, 15> kColumns{
    {{"t", &ClusterSecond::t},
     {"visitors", &ClusterSecond::visitors},
     {"admitted", &ClusterSecond::admitted},
     {"completed", &ClusterSecond::completed},
     {"refused", &ClusterSecond::refused},
     {"lost", &ClusterSecond::lost},
     {"relayed", &ClusterSecond::relayed},
     {"relayed_refused", &ClusterSecond::relayed_refused},
     {"in_vain", &ClusterSecond::in_vain},
     {"cpu_min", &ClusterSecond::cpu_min},
     {"cpu_median", &ClusterSecond::cpu_median},
     {"cpu_max", &ClusterSecond::cpu_max},
     {"cpu_mean", &ClusterSecond::cpu_mean},
     {"cpu_spread", &ClusterSecond::cpu_spread},
     {"p99_s", &ClusterSecond::p99_s}}};

using Seconds = std::span<const ClusterSecond>;

double mean(Seconds seconds, double ClusterSecond::*field) noexcept {
  double total = 0;
  for (const ClusterSecond& second : seconds) total += second.*field;
  return seconds.empty() ? 0 : total / static_cast<double>(seconds.size());
}

ClusterPhase phase_of(Seconds seconds) noexcept {
  ClusterPhase phase{.begins_s = seconds.front().t - 1, .ends_s = seconds.back().t};
  phase.offered = mean(seconds, &ClusterSecond::visitors);
  phase.completed = mean(seconds, &ClusterSecond::completed);
  phase.lost = mean(seconds, &ClusterSecond::lost);
  phase.relayed = mean(seconds, &ClusterSecond::relayed);
  phase.cpu_mean = mean(seconds, &ClusterSecond::cpu_mean);
  phase.cpu_spread =
      mean(seconds.last(std::max<std::size_t>(1, seconds.size() / 3)), &ClusterSecond::cpu_spread);
  std::size_t settled = seconds.size();
  while (settled > 0 && seconds[settled - 1].cpu_spread <= phase.cpu_spread + kSettled) --settled;
  phase.settled_s = static_cast<double>(settled);
  return phase;
}

}  // namespace

std::string csv(const std::vector<ClusterSecond>& seconds) { return csv_of(kColumns, seconds); }

std::vector<ClusterPhase> phases_of(const std::vector<ClusterSecond>& seconds,
                                    const std::vector<double>& changes) {
  return phases_at(seconds, changes, phase_of);
}

double quantile(const std::vector<double>& sorted, double q) noexcept {
  if (sorted.empty()) return 0;
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(std::lround(q * last))];
}

}  // namespace sluice::tools
