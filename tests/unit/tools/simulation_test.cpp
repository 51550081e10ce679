#include "tools/sim/simulation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/sim/report.hpp"

namespace sluice::tools {
namespace {

using admission::Policy;

/// Short: a few seconds of thinking, so that a minute is many lives.
Scenario scenario(Policy policy, double load) {
  Scenario scenario;
  scenario.admission.policy = policy;
  scenario.visitors.requests.mean = 5;
  scenario.visitors.think.mean_s = 1;
  scenario.visitors.timeout_s = 2;
  scenario.costs.request.mean_s = 2e-3;
  scenario.profile = Profile::constant(load * scenario.capacity(scenario.machine.cpus));
  scenario.duration_s = 60;
  scenario.warmup_s = 20;
  return scenario;
}

double completed_of_capacity(const Scenario& scenario) {
  const Result result = Simulation(scenario).run();
  return result.measured.completed / result.measured_s / result.capacity;
}

TEST(Simulation, RepeatsWithItsSeed) {
  auto run = [](std::uint64_t seed) {
    Scenario again = scenario(Policy::session_budget, 3);
    again.seed = seed;
    const Result result = Simulation(again).run();
    return json_text(again, result) + csv(result.seconds);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Simulation, KnowsTheFateOfEveryVisitor) {
  for (const Policy policy : {Policy::off, Policy::paper, Policy::session_budget}) {
    Scenario crowd = scenario(policy, 8);
    crowd.visitors.retry = Retry::browser;
    crowd.machine.backlog = 100;
    crowd.cost_factors = {{5, 30}};
    const Fates fates = Simulation(crowd).run().all;
    EXPECT_EQ(fates.visitors, fates.turned_away + fates.gave_up + fates.admitted + fates.outside);
    EXPECT_EQ(fates.admitted, fates.completed + fates.abandoned + fates.shed + fates.inside);
    EXPECT_GT(fates.completed, 0);
  }
}

// Erlang C: 4 CPUs at 0.7 make a request of 10 ms wait for 10 ms * C / (4 - 2.8), C = 0.4287: 13.57 ms in
// all.
TEST(Simulation, MakesRequestsWaitAsLongAsQueueingTheorySays) {
  Scenario queue = scenario(Policy::off, 1);
  queue.machine.cpus = 4;
  queue.costs.full_s = 0;
  queue.costs.request.mean_s = 10e-3;
  queue.visitors.requests = {false, 1};
  queue.profile = Profile::constant(280);
  queue.duration_s = 2000;
  const Result result = Simulation(queue).run();
  EXPECT_NEAR(std::chrono::duration<double>(result.responses.mean()).count(), 13.57e-3, 0.03 * 13.57e-3);
}

TEST(Simulation, UsesTheCpuForWhatSessionsCost) {
  const Scenario half = scenario(Policy::session_budget, 0.5);
  const Result result = Simulation(half).run();
  EXPECT_NEAR(result.cpu_useful / result.cpu_s, 0.5, 0.03);
  EXPECT_EQ(result.measured.refusals, 0);
  EXPECT_EQ(result.measured.abandoned, 0);
}

TEST(Simulation, CollapsesUnderTenTimesTheLoadWithoutControl) {
  Scenario crowd = scenario(Policy::off, 10);
  crowd.machine.backlog = 0;
  EXPECT_LT(completed_of_capacity(crowd), 0.3);
}

TEST(Simulation, CompletesWhatTheMachineCanCarryWithABudget) {
  Scenario crowd = scenario(Policy::session_budget, 10);
  crowd.costs.refusal_s = 1e-6;
  EXPECT_GT(completed_of_capacity(crowd), 0.9);
}

TEST(Simulation, NoticesFewerCpus) {
  Scenario less = scenario(Policy::session_budget, 4);
  less.cpu_counts = {{1, 30}};
  const Result result = Simulation(less).run();
  EXPECT_DOUBLE_EQ(result.seconds.front().cpus, 2);
  EXPECT_DOUBLE_EQ(result.seconds.back().cpus, 1);
  EXPECT_LE(result.seconds.back().cpu_useful, 1.01);
  ASSERT_EQ(result.phases.size(), 2U);
  EXPECT_NEAR(result.phases[1].capacity, result.phases[0].capacity / 2, 1e-9);
}

TEST(Simulation, DropsWhatTheBacklogCannotHold) {
  Scenario crowd = scenario(Policy::off, 20);
  crowd.machine.backlog = 10;
  const Result result = Simulation(crowd).run();
  EXPECT_GT(result.all.dropped, 0);
  EXPECT_GT(result.all.gave_up, 0);
}

TEST(Simulation, ResumesAfterAKeepAliveThatIsShorterThanAPause) {
  Scenario pauses = scenario(Policy::session_budget, 0.3);
  pauses.visitors.think = {Distribution::Shape::constant, 1, 1};
  pauses.machine.keepalive_s = 0.5;
  EXPECT_DOUBLE_EQ(pauses.resumptions(), 4);
  const Result result = Simulation(pauses).run();
  EXPECT_NEAR(result.cpu_useful / result.cpu_s, 0.3, 0.02);  // resumptions are part of the capacity
}

}  // namespace
}  // namespace sluice::tools
