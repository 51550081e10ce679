#pragma once
#include <string>

#include "tools/sim/cluster_scenario.hpp"
#include "tools/sim/cluster_series.hpp"

namespace sluice::tools {

/// What people read.
std::string summary(const ClusterScenario& scenario, const ClusterResult& result);
/// What programs read: the figures of the summary, unrounded.
std::string json_text(const ClusterScenario& scenario, const ClusterResult& result);

}  // namespace sluice::tools
