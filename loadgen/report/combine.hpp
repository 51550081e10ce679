#pragma once
#include <string>
#include <vector>

#include "loadgen/result.hpp"

namespace sluice::loadgen {

/// Several generators that ran at the same time, as one: counts and histograms add up, seconds are laid over
/// each other. The verdict is the worst of them; limits are those of all, judged again. A percentile of one
/// second is the highest of theirs, as distributions are not kept by second; the server's account is that of
/// the first that has one; of texts that differ all stand. Throws UsageError when they can't belong together
/// (mode, target, states, duration, warm-up; measured windows that differ by more than a second; one began
/// when another was over).
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
/// (Student's t of the differences). Figures that a run lacks, or that are zero
/// everywhere, are left out. Throws UsageError when a side is
/// empty, or when the runs are of different modes.
std::vector<Difference> compare(const std::vector<Result>& a, const std::vector<Result>& b);
/// Lines of at most 110 columns, no colours.
std::string comparison_table(const std::vector<Difference>& differences, const std::string& name_a,
                             const std::string& name_b);
/// Sentences about what makes the comparison doubtful: runs that were client-limited, setups of any of them
/// that differ from that of the first of `a`.
std::vector<std::string> comparison_caveats(const std::vector<Result>& a, const std::vector<Result>& b);

}  // namespace sluice::loadgen
