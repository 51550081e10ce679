#include "loadgen/report/student.hpp"

#include <cmath>
#include <limits>

#include <boost/math/distributions/students_t.hpp>

namespace sluice::loadgen::report {
namespace {

constexpr double kConfidence = 0.95;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Sample sample_of(const std::vector<double>& values) {
  Sample sample;
  sample.n = static_cast<double>(values.size());
  for (const double value : values) sample.mean += value / sample.n;
  if (values.size() < 2) return sample;
  for (const double value : values)
    sample.variance += (value - sample.mean) * (value - sample.mean) / (sample.n - 1);
  // What is left of equal values after rounding is no variation.
  if (std::sqrt(sample.variance) < 1e-9 * std::abs(sample.mean)) sample.variance = 0;
  return sample;
}

double half_width(double error, double freedom) {
  if (error == 0) return 0;
  if (!(freedom > 0) || !std::isfinite(error)) return kNan;
  const boost::math::students_t t{freedom};
  return error * boost::math::quantile(boost::math::complement(t, (1 - kConfidence) / 2));
}

double half_width(const Sample& sample) {
  if (sample.n < 2) return kNan;
  return half_width(std::sqrt(sample.variance / sample.n), sample.n - 1);
}

}  // namespace sluice::loadgen::report
