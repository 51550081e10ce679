#include "tools/sim/cluster_scenario.hpp"

#include "cluster/members.hpp"

namespace sluice::tools {

std::string ClusterScenario::problem() const {
  constexpr auto kMost = cluster::Members::kMembersMax;
  if (members < 1 || members > kMost) return "a cluster has 1 to " + std::to_string(kMost) + " members";
  if (balancer == Balancer::hash && addresses < 1) return "clients have at least one address";
  if (balancer == Balancer::skew && skew > 1) return "--skew is a share: at most 1";
  if (balancer == Balancer::skew && (hot < 1 || hot > members))
    return "--hot is at least 1 and at most the number of members";
  if (loss >= 1) return "--loss is a share below 1";
  if (delay_s > 10) return "--delay is at most 10s";
  for (const Fault& fault : faults) {
    if (fault.member >= members) return "there is no member " + std::to_string(fault.member + 1);
  }
  return each.problem();
}

}  // namespace sluice::tools
