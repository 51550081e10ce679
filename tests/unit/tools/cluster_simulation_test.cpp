#include "tools/sim/cluster_simulation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/sim/cluster_report.hpp"
#include "tools/sim/mesh_cost.hpp"

namespace sluice::tools {
namespace {

using cluster::Members;

/// Members of 0.15 CPUs, 197 sessions a second each; sessions of four seconds.
ClusterScenario scenario(unsigned members, double load) {
  ClusterScenario cluster;
  cluster.each = preset("member");
  cluster.each.duration_s = 30;
  cluster.each.warmup_s = 15;
  cluster.members = members;
  cluster.each.profile = Profile::constant(load * cluster.capacity());
  return cluster;
}

ClusterScenario skewed(unsigned members, double load) {
  ClusterScenario cluster = scenario(members, load);
  cluster.balancer = Balancer::skew;
  cluster.hot = (members + 2) / 3;
  cluster.relay_s = 0.05e-3;
  return cluster;
}

ClusterResult run(const ClusterScenario& cluster) { return ClusterSimulation(cluster).run(); }

double completed_of_possible(const ClusterScenario& cluster) {
  const ClusterResult result = run(cluster);
  return result.measured.completed / std::min(result.measured.visitors, result.capacity * result.measured_s);
}

TEST(ClusterSimulation, RepeatsWithItsSeed) {
  const auto text = [](std::uint64_t seed) {
    ClusterScenario again = skewed(4, 1);
    again.loss = 0.1;
    again.each.seed = seed;
    const ClusterResult result = run(again);
    return json_text(again, result) + csv(result.seconds) + summary(again, result);
  };
  EXPECT_EQ(text(1), text(1));
  EXPECT_NE(text(1), text(2));
}

TEST(ClusterSimulation, KnowsTheFateOfEveryVisitor) {
  for (const auto policy :
       {admission::Policy::off, admission::Policy::paper, admission::Policy::session_budget}) {
    ClusterScenario crowd = skewed(5, 1.5);
    crowd.each.admission.policy = policy;
    crowd.faults = {{Fault::Kind::kill, 0, 12}, {Fault::Kind::partition, 4, 15}, {Fault::Kind::kill, 3, 20}};
    const ClusterFates fates = run(crowd).all;
    EXPECT_EQ(fates.visitors,
              fates.turned_away + fates.gave_up + fates.lost_outside + fates.admitted + fates.outside);
    EXPECT_EQ(fates.admitted,
              fates.completed + fates.abandoned + fates.shed + fates.lost_inside + fates.inside);
    EXPECT_GT(fates.completed, 0);
    EXPECT_GT(fates.lost_inside, 0);
  }
}

TEST(ClusterSimulation, OneMemberRelaysNobody) {
  const ClusterResult result = run(scenario(1, 2));
  EXPECT_EQ(result.all.relayed, 0);
  EXPECT_GT(result.all.turned_away, 0);
  EXPECT_GT(result.measured.completed, 0.9 * result.capacity * result.measured_s);
}

TEST(ClusterSimulation, NobodyIsRelayedWithoutDelegation) {
  ClusterScenario cluster = skewed(3, 0.9);
  cluster.delegate = false;
  EXPECT_EQ(run(cluster).all.relayed, 0);
  EXPECT_LT(completed_of_possible(cluster), 0.7);
}

TEST(ClusterSimulation, ASkewedLoadBecomesEven) {
  for (const unsigned members : {3U, 12U, 24U}) {
    const ClusterResult result = run(skewed(members, 0.9));
    const double served = result.measured.completed / result.measured.visitors;
    EXPECT_GT(served, 0.95) << members;
    EXPECT_LT(result.member_cpu.back() - result.member_cpu.front(), 0.2) << members;
    EXPECT_LT(result.measured.relayed_refused, 0.03 * result.measured.relayed) << members;
    EXPECT_LT(quantile(result.crowding, 0.99), 2) << members << ": times what was said";
  }
}

TEST(ClusterSimulation, RelayingCostsTheMemberThatRelays) {
  ClusterScenario dear = skewed(3, 0.9), cheap = dear;
  dear.relay_s = 0.5e-3;
  cheap.relay_s = 0;
  EXPECT_LT(completed_of_possible(dear), completed_of_possible(cheap) - 0.1);
}

TEST(ClusterSimulation, AHashOfFewAddressesLeavesMembersIdle) {
  ClusterScenario few = scenario(6, 0.5);
  few.balancer = Balancer::hash;
  few.addresses = 2;
  few.delegate = false;
  EXPECT_EQ(run(few).member_cpu.front(), 0);
  few.addresses = 10'000;
  EXPECT_GT(run(few).member_cpu.front(), 0.3);
}

struct FaultCase {
  const char* name;
  Fault::Kind kind;
};
class AfterAFault : public testing::TestWithParam<FaultCase> {};

TEST_P(AfterAFault, NobodyIsSentThereForLong) {
  ClusterScenario cluster = skewed(12, 0.9);
  cluster.faults = {{GetParam().kind, 11, 20}};
  const ClusterResult result = run(cluster);
  ASSERT_EQ(result.aftermaths.size(), 1U);
  const Aftermath& aftermath = result.aftermaths.front();
  const std::chrono::duration<double> dead = Members::kDeadAfter;
  EXPECT_LT(aftermath.until_s, dead.count());
  EXPECT_LT(aftermath.until_s, 2 * Members::kHeartbeatS + 0.1) << "a connect's patience, and those under way";
  EXPECT_GT(aftermath.sent, 0);
  EXPECT_EQ(result.seconds.back().in_vain, 0);
}
INSTANTIATE_TEST_SUITE_P(ClusterSimulation, AfterAFault,
                         testing::Values(FaultCase{"Kill", Fault::Kind::kill},
                                         FaultCase{"Partition", Fault::Kind::partition}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ClusterSimulation, SaysHowLongAJumpTakes) {
  ClusterScenario jump = skewed(3, 1);
  jump.each.profile = Profile::parse("step 0.3x/15s, step 0.9x/30s", jump.capacity());
  jump.each.duration_s = 45;
  const ClusterResult result = run(jump);
  ASSERT_EQ(result.phases.size(), 2U);
  EXPECT_LT(result.phases[0].completed, result.phases[1].completed);
  EXPECT_GT(result.phases[1].settled_s, 0);
  EXPECT_LT(result.phases[1].settled_s, 25);
}

TEST(MeshCost, GrowsWithTheSquare) {
  const MeshCost small = mesh_cost(16), large = mesh_cost(256);
  EXPECT_DOUBLE_EQ(small.connections, 16 * 15);
  EXPECT_DOUBLE_EQ(small.messages_per_s, 2 * 4 * 16 * 15);
  EXPECT_DOUBLE_EQ(large.descriptors, 2 * 255);
  EXPECT_NEAR(large.bytes_per_s / small.bytes_per_s, 256.0 * 255 / (16 * 15), 1e-9);
  EXPECT_EQ(mesh_cost(1).messages_per_s, 0);
  EXPECT_GT(digest_on_wire(), digest_size() + 22 + 40);
}

}  // namespace
}  // namespace sluice::tools
