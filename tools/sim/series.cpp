#include "tools/sim/series.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "tools/sim/rows.hpp"

namespace sluice::tools {

namespace {

constexpr double kLate_s = 0.3;
constexpr double kNear = 0.1;
constexpr std::size_t kSmooth = 5;  // seconds

constexpr std::array<Column<Second>, 24> kColumns{{{"t", &Second::t},
                                                   {"visitors", &Second::visitors},
                                                   {"attempts", &Second::attempts},
                                                   {"admitted", &Second::admitted},
                                                   {"refused", &Second::refused},
                                                   {"dropped", &Second::dropped},
                                                   {"completed", &Second::completed},
                                                   {"abandoned", &Second::abandoned},
                                                   {"shed", &Second::shed},
                                                   {"requests", &Second::requests},
                                                   {"cpu_useful", &Second::cpu_useful},
                                                   {"cpu_wasted", &Second::cpu_wasted},
                                                   {"cpu_refusals", &Second::cpu_refusals},
                                                   {"cpus", &Second::cpus},
                                                   {"p99_s", &Second::p99_s},
                                                   {"inside", &Second::inside},
                                                   {"live", &Second::live},
                                                   {"sessions_max", &Second::sessions_max},
                                                   {"rate", &Second::rate},
                                                   {"session_cpu", &Second::session_cpu},
                                                   {"entry_s", &Second::entry_s},
                                                   {"trim", &Second::trim},
                                                   {"run_delay_min_s", &Second::run_delay_min_s},
                                                   {"required", &Second::required}}};

using Seconds = std::span<const Second>;

double sum(Seconds seconds, double Second::*field) noexcept {
  double total = 0;
  for (const Second& second : seconds) total += second.*field;
  return total;
}

double useful_share(Seconds seconds) noexcept {
  return seconds.empty() ? 0 : sum(seconds, &Second::cpu_useful) / sum(seconds, &Second::cpus);
}

/// Seconds until the sliding mean keeps near the level of the last third.
double settled_after(Seconds seconds) noexcept {
  const double level = useful_share(seconds.last(std::max<std::size_t>(1, seconds.size() / 3)));
  std::size_t settled = seconds.size();
  while (settled > 0) {
    const std::size_t from = settled > kSmooth ? settled - kSmooth : 0;
    if (std::abs(useful_share(seconds.subspan(from, settled - from)) - level) > kNear * level) break;
    --settled;
  }
  return static_cast<double>(settled);
}

Phase phase_of(Seconds seconds) noexcept {
  const double length = static_cast<double>(seconds.size());
  Phase phase{.begins_s = seconds.front().t - 1, .ends_s = seconds.back().t};
  phase.offered = sum(seconds, &Second::visitors) / length;
  phase.admitted = sum(seconds, &Second::admitted) / length;
  phase.completed = sum(seconds, &Second::completed) / length;
  phase.lost = (sum(seconds, &Second::abandoned) + sum(seconds, &Second::shed)) / length;
  phase.useful = useful_share(seconds);
  phase.settled_s = settled_after(seconds);
  std::size_t calm = seconds.size();
  while (calm > 0 && seconds[calm - 1].p99_s <= kLate_s) --calm;
  phase.answers_s = static_cast<double>(calm);
  for (const Second& second : seconds.subspan(calm)) phase.p99_s = std::max(phase.p99_s, second.p99_s);
  return phase;
}

}  // namespace

std::string csv(const std::vector<Second>& seconds) { return csv_of(kColumns, seconds); }

std::vector<Phase> phases_of(const std::vector<Second>& seconds, const std::vector<double>& changes) {
  return phases_at(seconds, changes, phase_of);
}

}  // namespace sluice::tools
