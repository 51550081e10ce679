#include "tools/sim/cluster_series.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <string_view>

namespace sluice::tools {

namespace {

struct Column {
  std::string_view name;
  double ClusterSecond::*field;
};

constexpr std::array kColumns{Column{"t", &ClusterSecond::t},
                              Column{"visitors", &ClusterSecond::visitors},
                              Column{"admitted", &ClusterSecond::admitted},
                              Column{"completed", &ClusterSecond::completed},
                              Column{"refused", &ClusterSecond::refused},
                              Column{"lost", &ClusterSecond::lost},
                              Column{"relayed", &ClusterSecond::relayed},
                              Column{"relayed_refused", &ClusterSecond::relayed_refused},
                              Column{"in_vain", &ClusterSecond::in_vain},
                              Column{"cpu_min", &ClusterSecond::cpu_min},
                              Column{"cpu_median", &ClusterSecond::cpu_median},
                              Column{"cpu_max", &ClusterSecond::cpu_max},
                              Column{"cpu_mean", &ClusterSecond::cpu_mean},
                              Column{"cpu_spread", &ClusterSecond::cpu_spread},
                              Column{"p99_s", &ClusterSecond::p99_s}};

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

std::string csv(const std::vector<ClusterSecond>& seconds) {
  std::string text;
  for (const Column& column : kColumns) text += (text.empty() ? "" : ",") + std::string(column.name);
  text += '\n';
  for (const ClusterSecond& second : seconds) {
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      std::array<char, 32> number{};
      const auto end = std::to_chars(number.data(), number.data() + number.size(), second.*kColumns[i].field,
                                     std::chars_format::general, 6);
      if (i > 0) text += ',';
      text.append(number.data(), end.ptr);
    }
    text += '\n';
  }
  return text;
}

std::vector<ClusterPhase> phases_of(const std::vector<ClusterSecond>& seconds,
                                    const std::vector<double>& changes) {
  std::vector<ClusterPhase> phases;
  const Seconds all{seconds};
  std::size_t from = 0;
  for (std::size_t i = 0; i <= changes.size(); ++i) {
    const std::size_t to = i == changes.size()
                               ? all.size()
                               : std::min(all.size(), static_cast<std::size_t>(std::llround(changes[i])));
    if (to <= from) continue;
    phases.push_back(phase_of(all.subspan(from, to - from)));
    from = to;
  }
  return phases;
}

double quantile(const std::vector<double>& sorted, double q) noexcept {
  if (sorted.empty()) return 0;
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(std::lround(q * last))];
}

}  // namespace sluice::tools
