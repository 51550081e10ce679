#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/result.hpp"

/// Thresholds of `--limit`: exit code 99 when one is missed.
namespace sluice::loadgen {

/// One figure of a run with a name: for `--limit`, the JSON's `figures` and `compare`.
struct Metric {
  std::string_view name;
  std::string_view help;  ///< What it is, with its unit.
  bool share = false;     ///< 0 to 1, otherwise per second.
  bool higher_is_better = true;
  /// None when nothing happened that it could be computed from. `measured` is `result.measured()`, which is
  /// dear enough to be computed once for all metrics.
  std::optional<double> (*value)(const Result& result, const Tally& measured) = nullptr;
};
std::span<const Metric> metrics() noexcept;

/// "session_ok>=0.95", "p99(complete)<2s", "refused<=0", "replies_per_s>100", ... `metric_help()` lists all
/// of them.
struct Limit {
  enum class Op { less, less_equal, greater, greater_equal };
  std::string text;
  std::string metric;  ///< A name of `metric_help()`, or "p99", "mean", ... of a phase
  std::string phase;   ///< Empty unless the metric is a latency.
  Op op = Op::less;
  double value = 0;  ///< Latencies in seconds.
};

/// Throws UsageError with a sentence that quotes `text` and says what is possible.
Limit parse_limit(std::string_view text);
/// A metric that has no value, as a percentile without a reply, misses the limit; its `actual` is NaN.
LimitOutcome evaluate(const Limit& limit, const Result& result);
/// One line per metric, for `--help`.
std::string metric_help();

}  // namespace sluice::loadgen
