#pragma once
#include <cstddef>
#include <string>
#include <vector>

/// The arithmetic of charts. Pure.
namespace sluice::loadgen::report {

struct Tick {
  double value;
  std::string label;
};

/// One axis: which values stand where, and at which of them a line is drawn.
class Axis {
 public:
  /// From 0, or a round number below it when there are negative values, to 0 or a round number above.
  static Axis linear(double low, double high);
  /// From exactly `low` to exactly `high`, ticks at round numbers: for time.
  static Axis exact(double low, double high);
  /// Whole decades, or a 2 or 5 of them, around the values, all above zero.
  static Axis logarithmic(double low, double high);
  /// Of 1 / (1 - quantile), from 1 to `high`.
  static Axis quantiles(double high);

  /// 0 at the low end, 1 at the high end. NaN for what can't stand on it (NaN, or not above zero on a
  /// logarithmic one).
  double position(double value) const noexcept;
  const std::vector<Tick>& ticks() const noexcept { return ticks_; }

 private:
  double low_ = 0, high_ = 1;
  bool log_ = false;
  std::vector<Tick> ticks_;
};

/// Indices of at most `most` elements of `y`, ascending: of each stretch the lowest, the highest and a gap
/// (NaN) if there is one, always the first and the last. All of them when there are no more than `most`.
std::vector<std::size_t> thinned(const std::vector<double>& y, std::size_t most);
/// At most `most` of `size` indices, evenly spaced.
std::vector<std::size_t> spaced(std::size_t size, std::size_t most);

}  // namespace sluice::loadgen::report
