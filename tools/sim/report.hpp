#pragma once
#include <string>

#include "tools/sim/scenario.hpp"
#include "tools/sim/series.hpp"

namespace sluice::tools {

/// What people read.
std::string summary(const Scenario& scenario, const Result& result);
/// What programs read: the figures of the summary, unrounded.
std::string json_text(const Scenario& scenario, const Result& result);

}  // namespace sluice::tools
