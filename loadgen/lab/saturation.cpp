#include "loadgen/lab/saturation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace sluice::loadgen::lab {

namespace {

constexpr double kCpuFull = 0.95;       // of what the server may use
constexpr double kUnsuccessful = 0.02;  // more is no accident
constexpr double kLeap = 8;             // cost per session at a low rate is a poor guide to a high one
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The highest rate that was carried and the lowest that was not (0 and infinity when there is none).
struct Bracket {
  double low = 0;
  double high = kInfinity;
  std::optional<double> low_cpu;
  bool client_limited = false;  // `high` is where the generator gave up ...
  bool doubtful = false;        // ... once
};

/// The last probe at each rate, and how many there were.
struct AtRate {
  Probe probe;
  unsigned count = 0;
};

std::map<double, AtRate> by_rate(const std::vector<Probe>& probes) {
  std::map<double, AtRate> verdicts;
  for (const Probe& probe : probes) {
    AtRate& verdict = verdicts[probe.rate];
    verdict.probe = probe;
    ++verdict.count;
  }
  return verdicts;
}

/// Noise may let a higher rate pass than one that failed: the lowest failure counts.
Bracket bracket_of(const std::vector<Probe>& probes) {
  Bracket bracket;
  for (const auto& [rate, verdict] : by_rate(probes)) {
    const Probe& probe = verdict.probe;
    if (probe.client_limited || saturated(probe)) {
      bracket.high = rate;
      bracket.client_limited = !saturated(probe);
      bracket.doubtful = bracket.client_limited && verdict.count == 1;
      break;
    }
    bracket.low = rate;
    bracket.low_cpu = probe.cpu_share;
  }
  return bracket;
}

}  // namespace

bool saturated(const Probe& probe) noexcept {
  if (probe.cpu_share.value_or(0) >= kCpuFull) return true;
  return !probe.client_limited && probe.unsuccessful > kUnsuccessful;
}

std::optional<double> next_rate(const std::vector<Probe>& probes, const SearchPlan& plan) {
  if (probes.empty()) return plan.start;
  if (probes.size() >= plan.probes_max) return std::nullopt;
  const Bracket bracket = bracket_of(probes);
  if (bracket.doubtful) return bracket.high;
  if (bracket.low == 0) {
    const double lower = bracket.high / 4;
    return lower < plan.rate_min ? std::nullopt : std::optional(lower);
  }
  if (bracket.high == kInfinity) {
    const double share = bracket.low_cpu.value_or(0);
    const double predicted = share > 0 ? bracket.low / share : 0;
    return std::clamp(predicted, bracket.low * 2, bracket.low * kLeap);
  }
  // How far beyond the generator's end the server's is can't be found by bisecting.
  if (bracket.client_limited || bracket.high <= bracket.low * plan.precision) return std::nullopt;
  return std::sqrt(bracket.low * bracket.high);
}

std::optional<std::vector<Probe>> search(
    const SearchPlan& plan, const std::function<std::optional<Probe>(double rate, unsigned index)>& probe) {
  std::vector<Probe> probes;
  while (const auto rate = next_rate(probes, plan)) {
    const auto made = probe(*rate, static_cast<unsigned>(probes.size()));
    if (!made) return std::nullopt;
    probes.push_back(*made);
  }
  return probes;
}

Saturation saturation_of(const std::vector<Probe>& probes) {
  const Bracket bracket = bracket_of(probes);
  Saturation found{.client_limited = bracket.client_limited};
  if (bracket.high == kInfinity || bracket.low == 0) {
    found.rate = bracket.low == 0 && !probes.empty() ? bracket.high : bracket.low;
    return found;
  }
  found.bracketed = !bracket.client_limited;
  const double middle = bracket.client_limited ? bracket.low : std::sqrt(bracket.low * bracket.high);
  const double share = bracket.low_cpu.value_or(0);
  found.rate = share > 0 ? std::clamp(bracket.low / share, bracket.low, bracket.high) : middle;
  return found;
}

}  // namespace sluice::loadgen::lab
