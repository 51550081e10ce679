#pragma once
#include <vector>

/// What repeats tell. Pure.
namespace sluice::loadgen::report {

struct Sample {
  double mean = 0, variance = 0, n = 0;  ///< Variance of one value, from n - 1 degrees of freedom; 0 of one.
};
/// All zero of no values.
Sample sample_of(const std::vector<double>& values);

/// Half the width of Student's 95 % confidence interval for a standard error and its degrees of freedom. 0
/// when nothing varied, NaN without a degree of freedom.
double half_width(double error, double freedom);
/// That of a mean; NaN of less than two values.
double half_width(const Sample& sample);

}  // namespace sluice::loadgen::report
