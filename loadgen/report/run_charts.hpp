#pragma once
#include <vector>

#include "loadgen/report/chart.hpp"
#include "loadgen/result.hpp"

namespace sluice::loadgen::report {

/// The charts of one run, most important first. Lines that would be zero all the time are left out, and so
/// are charts without a line.
std::vector<Chart> run_charts(const Result& result);

}  // namespace sluice::loadgen::report
