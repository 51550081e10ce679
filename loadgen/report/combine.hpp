#pragma once
#include <string>
#include <vector>

#include "loadgen/result.hpp"

namespace sluice::loadgen {

/// Several generators that ran at the same time, as one: counts and histograms add up, seconds are laid over
/// each other. The verdict is the worst of them. Throws UsageError when they can't belong together (mode,
/// target, states, duration).
Result merge(const std::vector<Result>& results);

/// One line of a comparison.
struct Difference {
  std::string metric;        ///< "completed sessions/s", "p99 complete ms", ...
  double a = 0, b = 0;       ///< Means over the repeats.
  double change = 0;         ///< b - a
  double low = 0, high = 0;  ///< 95 % confidence interval of the change; both NaN with a single repeat.
  bool higher_is_better = true;
};

/// Welch's interval over repeats; paired when both sides have the same number of runs with the same seeds
/// (Student's t of the differences).
std::vector<Difference> compare(const std::vector<Result>& a, const std::vector<Result>& b);
std::string comparison_table(const std::vector<Difference>& differences, const std::string& name_a,
                             const std::string& name_b);

}  // namespace sluice::loadgen
