#include "tools/sim/series.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace sluice::tools {

namespace {

constexpr double kLate_s = 0.3;
constexpr double kNear = 0.1;
constexpr std::size_t kSmooth = 5;  // seconds

struct Column {
  std::string_view name;
  double Second::*field;
};

constexpr std::array kColumns{Column{"t", &Second::t},
                              Column{"visitors", &Second::visitors},
                              Column{"attempts", &Second::attempts},
                              Column{"admitted", &Second::admitted},
                              Column{"refused", &Second::refused},
                              Column{"dropped", &Second::dropped},
                              Column{"completed", &Second::completed},
                              Column{"abandoned", &Second::abandoned},
                              Column{"shed", &Second::shed},
                              Column{"requests", &Second::requests},
                              Column{"cpu_useful", &Second::cpu_useful},
                              Column{"cpu_wasted", &Second::cpu_wasted},
                              Column{"cpu_refusals", &Second::cpu_refusals},
                              Column{"cpus", &Second::cpus},
                              Column{"p99_s", &Second::p99_s},
                              Column{"inside", &Second::inside},
                              Column{"live", &Second::live},
                              Column{"sessions_max", &Second::sessions_max},
                              Column{"rate", &Second::rate},
                              Column{"session_cpu", &Second::session_cpu},
                              Column{"entry_s", &Second::entry_s},
                              Column{"trim", &Second::trim},
                              Column{"run_delay_min_s", &Second::run_delay_min_s},
                              Column{"required", &Second::required}};

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

std::string csv(const std::vector<Second>& seconds) {
  std::string text;
  for (const Column& column : kColumns) text += (text.empty() ? "" : ",") + std::string(column.name);
  text += '\n';
  for (const Second& second : seconds) {
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

std::vector<Phase> phases_of(const std::vector<Second>& seconds, const std::vector<double>& changes) {
  std::vector<Phase> phases;
  const Seconds all{seconds};
  std::size_t from = 0;
  for (std::size_t i = 0; i <= changes.size(); ++i) {
    const bool last = i == changes.size();
    const std::size_t to =
        last ? all.size() : std::min(all.size(), static_cast<std::size_t>(std::llround(changes[i])));
    if (to <= from) continue;
    phases.push_back(phase_of(all.subspan(from, to - from)));
    from = to;
  }
  return phases;
}

}  // namespace sluice::tools
