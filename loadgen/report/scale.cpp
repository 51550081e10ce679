#include "loadgen/report/scale.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "loadgen/report/format.hpp"

namespace sluice::loadgen::report {
namespace {

constexpr double kTicksY = 5.5, kTicksX = 7;
constexpr double kSmallest = 1e-300;  // below it powers of ten lose their digits

/// 1, 2, 2.5 or 5 times a power of ten: at most `most` of them in `span`.
double step_for(double span, double most) {
  const double power = std::pow(10, std::floor(std::log10(span / most)));
  for (const double step : {1.0, 2.0, 2.5, 5.0})
    if (span / (step * power) <= most) return step * power;
  return 10 * power;
}

/// Where a range is too narrow for its place, as 1e15 to 1e15 + 0.1, steps get lost in rounding: the number
/// of ticks is bounded whatever a file says.
std::vector<Tick> ticks_between(double low, double high, double step) {
  constexpr unsigned kTicksMax = 20;
  std::vector<Tick> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (unsigned n = 0; n < kTicksMax; ++n) {
    const double value = (first + n) * step;
    if (!(value <= high + step * 1e-9)) break;
    if (ticks.empty() || value > ticks.back().value) ticks.push_back({value, number(value)});
  }
  return ticks;
}

}  // namespace

Axis Axis::linear(double low, double high) {
  Axis axis;
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  if (!(high > low)) high = low + 1;
  const double step = step_for(high - low, kTicksY);
  axis.low_ = std::floor(low / step) * step;
  axis.high_ = std::ceil(high / step - 1e-9) * step;
  axis.ticks_ = ticks_between(axis.low_, axis.high_, step);
  return axis;
}

Axis Axis::exact(double low, double high) {
  Axis axis;
  axis.low_ = low;
  axis.high_ = high > low ? high : low + 1;
  axis.ticks_ = ticks_between(axis.low_, axis.high_, step_for(axis.high_ - axis.low_, kTicksX));
  return axis;
}

Axis Axis::logarithmic(double low, double high) {
  Axis axis;
  low = std::max(low, kSmallest);
  high = std::max(high, low);
  axis.log_ = true;
  const bool wide = std::log10(high / low) > 2.5;
  const std::array<double, 3> steps{1, 2, 5};
  std::vector<double> round;
  const double first = std::floor(std::log10(low)), last = std::ceil(std::log10(high)) + 1;
  for (double decade = first; decade <= last; ++decade)
    for (const double step : steps)
      if (step == 1 || !wide) round.push_back(step * std::pow(10, decade));
  // From the last one that is not above the values to the first that is not below.
  auto begin = std::upper_bound(round.begin(), round.end(), low * (1 + 1e-9));
  if (begin != round.begin()) --begin;
  auto end = std::lower_bound(begin, round.end(), high * (1 - 1e-9));
  if (end != round.end()) ++end;
  if (end - begin == 1 && end != round.end()) ++end;
  for (auto value = begin; value != end; ++value) axis.ticks_.push_back({*value, number(*value)});
  axis.low_ = axis.ticks_.front().value;
  axis.high_ = axis.ticks_.back().value;
  return axis;
}

Axis Axis::quantiles(double high) {
  Axis axis;
  axis.log_ = true;
  axis.low_ = 1;
  axis.high_ = std::max(high, 10.0);
  axis.ticks_ = {{1, "0 %"}, {2, "50 %"}, {10, "90 %"}, {100, "99 %"}};
  std::string label = "99.";
  for (double value = 1000; value <= 1e9; value *= 10) axis.ticks_.push_back({value, (label += '9') + " %"});
  std::erase_if(axis.ticks_, [&](const Tick& tick) { return tick.value > axis.high_ * (1 + 1e-9); });
  return axis;
}

double Axis::position(double value) const noexcept {
  if (!log_) return (value - low_) / (high_ - low_);
  if (!(value > 0)) return std::numeric_limits<double>::quiet_NaN();
  return (std::log(value) - std::log(low_)) / (std::log(high_) - std::log(low_));
}

std::vector<std::size_t> thinned(const std::vector<double>& y, std::size_t most) {
  if (y.size() <= most) return spaced(y.size(), y.size());
  const std::size_t stretches = std::max<std::size_t>(1, (most - 2) / 3);
  std::vector<std::size_t> kept{0, y.size() - 1};
  for (std::size_t i = 0; i < stretches; ++i) {
    const std::size_t begin = i * y.size() / stretches, end = (i + 1) * y.size() / stretches;
    std::size_t low = end, high = end, gap = end;
    for (std::size_t k = begin; k < end; ++k) {
      if (std::isnan(y[k])) {
        gap = k;
        continue;
      }
      if (low == end || y[k] < y[low]) low = k;
      if (high == end || y[k] > y[high]) high = k;
    }
    for (const std::size_t k : {low, high, gap})
      if (k != end) kept.push_back(k);
  }
  std::ranges::sort(kept);
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  return kept;
}

std::vector<std::size_t> spaced(std::size_t size, std::size_t most) {
  std::vector<std::size_t> indices;
  const std::size_t every = most == 0 ? 1 : (size + most - 1) / most;
  for (std::size_t i = 0; i < size; i += std::max<std::size_t>(1, every)) indices.push_back(i);
  return indices;
}

}  // namespace sluice::loadgen::report
