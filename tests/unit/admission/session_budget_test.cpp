#include <algorithm>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "admission/controller.hpp"

/// The law `session_budget` of controller.hpp. In these tests a session asks once a second, a request takes
/// 1 ms of CPU and a handshake 1 ms more: so a session takes 1 ms/s, an entry 2 ms, and one CPU carries 1000.
namespace sluice::admission {
namespace {

const State kLearnt{.request_s{0.001, 1}, .demand_per_s{1, 1}, .full_s{0.001, 1}};

Settings all_of_the_cpu() { return {.budget = {.utilization = 1}}; }

/// A period that brings nothing new about the costs.
Sample quiet(double live, double elapsed_s = 1) {
  return {.elapsed_s = elapsed_s, .demand = live * elapsed_s, .pause_s = 7 * live * elapsed_s, .live = live};
}

struct BudgetCase {
  const char* name;
  double cpus, live, departures_per_s;
  double sessions_max, rate;
};
class Budget : public testing::TestWithParam<BudgetCase> {};

// Smax = cpus / 1 ms; rate = the smaller of 1.5 * departures + free places / 5 s, and of free CPU / 2 ms.
TEST_P(Budget, IsWhatTheCpuCarriesToTheEnd) {
  const BudgetCase& row = GetParam();
  State state = kLearnt;
  state.departures_per_s = row.departures_per_s;
  Sample sample = quiet(row.live);
  sample.cpus = row.cpus;
  sample.departed = row.departures_per_s;
  const Plan plan = decide(all_of_the_cpu(), state, sample).plan;
  EXPECT_NEAR(plan.sessions_max, row.sessions_max, 0.01);
  EXPECT_NEAR(plan.rate, row.rate, 0.01);
  EXPECT_NEAR(plan.supply, row.cpus, 1e-9);
  EXPECT_NEAR(plan.session_cpu, 0.001, 1e-9);
  EXPECT_NEAR(plan.entry_s, 0.002, 1e-9);
  EXPECT_EQ(plan.quota, Plan::kUnlimited);
  EXPECT_EQ(plan.shed, 0);
}
INSTANTIATE_TEST_SUITE_P(Admission, Budget,
                         testing::Values(BudgetCase{"NobodyIsIn", 1, 0, 0, 1000, 200},  // 1000 free / 5 s
                                         BudgetCase{"HalfFull", 1, 500, 0, 1000, 100},  // 500 / 5 s
                                         BudgetCase{"Full", 1, 1000, 0, 1000, 0},       //
                                         BudgetCase{"TooMany", 1, 1200, 0, 1000, 0},    //
                                         BudgetCase{"TwoProcessors", 2, 500, 0, 2000, 300},    // 1500 / 5 s
                                         BudgetCase{"NoProcessor", 0, 500, 0, 0, 0},           //
                                         BudgetCase{"LeaversMakeRoom", 1, 900, 20, 1000, 50},  // 30 + 100 / 5
                                         BudgetCase{"SlackLimitsTheRate", 1, 500, 250, 1000,
                                                    250},  // 0.5 / 2 ms, not 375 + 100
                                         BudgetCase{"MoreCameBackThanLeft", 1, 500, -100, 1000, 100}),
                         [](const auto& test) { return std::string(test.param.name); });

struct FlowCase {
  const char* name;
  double run_delay_min_s, backlog_s, rate;
};
class Flow : public testing::TestWithParam<FlowCase> {};

// 500 of 1000 places are free; the target is 100 ms and a handshake of 1 ms, so 101 ms.
TEST_P(Flow, SlowsDownBeforeTheWaitIsTooLong) {
  Sample sample = quiet(500);
  sample.run_delay_min_s = GetParam().run_delay_min_s;
  sample.backlog_s = GetParam().backlog_s;
  State state = kLearnt;
  state.trim = 1;
  EXPECT_NEAR(decide(all_of_the_cpu(), state, sample).plan.rate, GetParam().rate, 0.01);
}
INSTANTIATE_TEST_SUITE_P(Admission, Flow,
                         testing::Values(FlowCase{"Freely", 0, 0, 100},
                                         FlowCase{"FreelyAtHalfTheTarget", 0.0505, 0, 100},
                                         FlowCase{"HalfAtTheTarget", 0.101, 0, 50},
                                         FlowCase{"HalfAtThreeTargetsOfBacklog", 0, 0.101 / 0.3, 50},
                                         FlowCase{"NobodyWhenItIsHalfAsMuchAgain", 0.1516, 0, 0}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(FillTime, IsThePauseWithinBounds) {
  for (const auto& [pause_s, fill_s] : {std::pair{0.01, 0.5}, std::pair{2.0, 2.0}, std::pair{30.0, 5.0}}) {
    State state = kLearnt;
    state.full_s = {1e-5, 1};  // so that what entries take is no limit
    state.pause_s = {pause_s, 1e6};
    Sample sample = quiet(900);
    sample.pause_s = pause_s * sample.demand;
    EXPECT_NEAR(decide(all_of_the_cpu(), state, sample).plan.rate, std::min(100 / fill_s, 0.1 / 0.00101),
                0.01)
        << pause_s;
  }
}

TEST(BudgetCosts, AreAveragedUnlessTheyJump) {
  State state{.request_s{0.001, 10}, .request_now_s{0.001, 10}};
  const auto after = [&](double cost_s) {
    State next = state;
    for (int i = 0; i < 20; ++i) {  // two seconds
      Sample sample = quiet(500, 0.1);
      sample.requests = 50;
      sample.cpu_requests = 50 * cost_s;
      next = decide(all_of_the_cpu(), next, sample).next;
    }
    return next.request_s.value();
  };
  for (int i = 0; i < 200; ++i) {  // much experience at 1 ms
    Sample sample = quiet(500, 0.1);
    sample.requests = 50;
    sample.cpu_requests = 0.05;
    state = decide(all_of_the_cpu(), state, sample).next;
  }
  EXPECT_LT(after(0.0013), 0.0011) << "a little dearer for two seconds of ten";
  EXPECT_GT(after(0.004), 0.0034) << "four times dearer";
}

TEST(BudgetSupply, IsTheShareThatIsPlannedFor) {
  Settings settings = all_of_the_cpu();
  settings.budget.utilization = 0.8;
  EXPECT_NEAR(decide(settings, kLearnt, quiet(500)).plan.sessions_max, 800, 0.01);
}

TEST(BudgetSupply, ShrinksByWhatRefusalsTake) {
  State state = kLearnt;
  state.refusals_cpu = 0.25;
  Sample sample = quiet(500);
  sample.cpu_refusals = 0.25;
  EXPECT_NEAR(decide(all_of_the_cpu(), state, sample).plan.sessions_max, 750, 0.01);
  state.refusals_cpu = sample.cpu_refusals = 3;  // more than there is
  EXPECT_EQ(decide(all_of_the_cpu(), state, sample).plan.sessions_max, 0);
}

TEST(BudgetCosts, ARequestPaysForResumptionsAndTheRestOfTheProcess) {
  // 0.5 + 0.3 + 0.2 s in 1000 requests are the 1 ms that is known; 5 ms more are the timers of an idle
  // server.
  Sample sample = quiet(500);
  sample.requests = 1000;
  sample.cpu_requests = 0.5;
  sample.cpu_resumed = 0.3;
  sample.cpu_other = 0.205;
  const State next = decide(all_of_the_cpu(), kLearnt, sample).next;
  EXPECT_NEAR(next.request_s.value(), 0.001, 1e-9);
  EXPECT_NEAR(next.full_s.value(), 0.001, 1e-9);
}

TEST(BudgetCosts, AnIdleProcessMakesNoRequestCheaper) {
  Sample sample = quiet(500);
  sample.requests = 1000;
  sample.cpu_requests = 1;
  sample.cpu_other = 0.001;  // less than timers usually take
  EXPECT_NEAR(decide(all_of_the_cpu(), kLearnt, sample).next.request_s.value(), 0.001, 1e-9);
}

TEST(BudgetCosts, ANewcomerPaysForItsHandshake) {
  Sample sample = quiet(500);
  sample.full = 1e6;
  sample.cpu_full = 3000;
  EXPECT_NEAR(decide(all_of_the_cpu(), kLearnt, sample).plan.entry_s, 0.004, 1e-6);
}

struct DemandCase {
  const char* name;
  double run_delay_min_s, demand_per_s;
  bool learnt;
};
class Demand : public testing::TestWithParam<DemandCase> {};

// 100 live sessions that asked once a second so far; the response target is 100 ms.
TEST_P(Demand, IsNotLearntDownwardsWhileRequestsQueue) {
  Sample sample = quiet(100);
  sample.run_delay_min_s = GetParam().run_delay_min_s;
  sample.demand = 100 * GetParam().demand_per_s;
  const double value = decide(all_of_the_cpu(), kLearnt, sample).next.demand_per_s.value();
  EXPECT_NEAR(value, GetParam().learnt ? GetParam().demand_per_s : 1, 0.02);
}
INSTANTIATE_TEST_SUITE_P(Admission, Demand,
                         testing::Values(DemandCase{"LessInOrder", 0.0, 0.5, true},
                                         DemandCase{"LessAtTwiceTheTarget", 0.2, 0.5, true},
                                         DemandCase{"LessInAQueue", 0.3, 0.5, false},
                                         DemandCase{"MoreInAQueue", 0.3, 2, true}),
                         [](const auto& test) { return std::string(test.param.name); });

struct TrimCase {
  const char* name;
  double before, run_delay_min_s, elapsed_s, after;
};
class Trim : public testing::TestWithParam<TrimCase> {};

// With 400 sessions, so that no trim makes them more than planned for.
TEST_P(Trim, FollowsTheStandingWait) {
  State state = kLearnt;
  state.trim = GetParam().before;
  Sample sample = quiet(400, GetParam().elapsed_s);
  sample.run_delay_min_s = GetParam().run_delay_min_s;
  const Decision decision = decide(all_of_the_cpu(), state, sample);
  EXPECT_NEAR(decision.next.trim, GetParam().after, 1e-9);
  EXPECT_NEAR(decision.plan.sessions_max, 1000 * GetParam().after, 0.01);
}
INSTANTIATE_TEST_SUITE_P(Admission, Trim,
                         testing::Values(TrimCase{"DownByFivePercentASecond", 1, 0.11, 1, 0.95},
                                         TrimCase{"InProportionToTime", 1, 0.11, 0.1, 0.995},
                                         TrimCase{"NotBelowOneHalf", 0.51, 5, 1, 0.5},
                                         TrimCase{"NotBelowOneHalfAfterALongPause", 1, 5, 60, 0.5},
                                         TrimCase{"UpByTwoPercentASecond", 0.6, 0.09, 1, 0.62},
                                         TrimCase{"NotAboveOne", 0.98, 0, 1, 1}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(TrimCondition, AWaitSaysNothingOfThePlanWhileThereAreMoreThanPlanned) {
  Sample sample = quiet(1100);
  sample.run_delay_min_s = 5;
  EXPECT_EQ(decide(all_of_the_cpu(), kLearnt, sample).next.trim, 1);
}

struct GuardCase {
  const char* name;
  double in_flight, in_flight_max, cpu, before, after, sessions_max;
};
class Guard : public testing::TestWithParam<GuardCase> {};

// 500 live of 1000 possible ones.
/// Trim after so many seconds, in each of which as many newcomers were refused and so much stood and waited.
double trim_after(State state, int seconds, double refused, double wait_s) {
  for (int i = 0; i < seconds; ++i) {
    Sample sample = quiet(1e4);  // more than planned for, so that a wait says nothing about the plan
    sample.refused = refused;
    sample.run_delay_min_s = wait_s;
    state = decide(all_of_the_cpu(), state, sample).next;
  }
  return state.trim;
}

TEST(TrimCondition, GoesALittleBeyondThePlanWhileSomebodyIsTurnedAwayAndNothingWaits) {
  State state = kLearnt;
  EXPECT_NEAR(trim_after(state, 3, 5, 0.01), 1.06, 1e-9);
  EXPECT_NEAR(trim_after(state, 100, 5, 0.01), 1.25, 1e-9) << "and no further";
  EXPECT_NEAR(trim_after(state, 100, 0, 0.01), 1, 1e-9) << "nobody asks for more";
  state.trim = 1.1;
  state.all_in_s = 0;
  EXPECT_NEAR(trim_after(state, 3, 5, 0.05), 1.1, 1e-9) << "there is a little queue: enough";
  EXPECT_NEAR(trim_after(state, 1, 0, 0.01), 1.12, 1e-9) << "somebody was turned away a second ago";
  EXPECT_NEAR(trim_after(state, 100, 0, 0.01), 1, 1e-9) << "and nobody any more";
}

TEST_P(Guard, ShrinksTheSessionsWhileWorkWaitsForSomethingElse) {
  State state = kLearnt;
  state.guard = GetParam().before;
  Sample sample = quiet(500);
  sample.in_flight = GetParam().in_flight;
  sample.in_flight_max = GetParam().in_flight_max;
  sample.cpu_full = GetParam().cpu;
  sample.full = GetParam().cpu * 1000;
  const Decision decision = decide(all_of_the_cpu(), state, sample);
  EXPECT_NEAR(decision.next.guard, GetParam().after, 1e-9);
  EXPECT_NEAR(decision.plan.sessions_max, GetParam().sessions_max, 0.01);
}
INSTANTIATE_TEST_SUITE_P(Admission, Guard,
                         testing::Values(GuardCase{"AtTheBoundAndIdle", 20, 20, 0.1, 1, 0.7, 350},
                                         GuardCase{"NotBelowOneHalf", 20, 20, 0.1, 0.5, 0.5, 250},
                                         GuardCase{"AtTheBoundAndBusy", 20, 20, 0.9, 1, 1, 1000},
                                         GuardCase{"BelowTheBound", 19, 20, 0.1, 1, 1, 1000},
                                         GuardCase{"NoBound", 1000, 0, 0.1, 1, 1, 1000},
                                         GuardCase{"Recovers", 0, 0, 0.1, 0.5, 0.6, 300},
                                         GuardCase{"Recovered", 0, 0, 0.1, 0.95, 1, 1000}),
                         [](const auto& test) { return std::string(test.param.name); });

struct ShedCase {
  const char* name;
  Policy policy;
  double live, run_delay_min_s;
  double shed;  // at the end of half a second
};
class Shed : public testing::TestWithParam<ShedCase> {};

// One CPU carries 1000; more than 1200 that wait longer than 300 ms for 500 ms are too many, and 850 stay, so
// that what stands in the queue is worked off.
TEST_P(Shed, SendsAwayWhoCannotBeCarried) {
  Settings settings = all_of_the_cpu();
  settings.policy = GetParam().policy;
  Sample sample = quiet(GetParam().live, 0.25);
  sample.run_delay_min_s = GetParam().run_delay_min_s;
  const Decision first = decide(settings, kLearnt, sample);
  EXPECT_EQ(first.plan.shed, 0);
  const Decision second = decide(settings, first.next, sample);
  EXPECT_NEAR(second.plan.shed, GetParam().shed, 1);
  EXPECT_EQ(decide(settings, second.next, sample).plan.shed, 0) << "it has to last as long again";
}
INSTANTIATE_TEST_SUITE_P(Admission, Shed,
                         testing::Values(ShedCase{"TooMany", Policy::session_budget, 1500, 0.4, 650},
                                         ShedCase{"NotSoManyMore", Policy::session_budget, 1150, 0.4, 0},
                                         ShedCase{"NobodyWaits", Policy::session_budget, 1500, 0.2, 0},
                                         ShedCase{"Off", Policy::off, 1500, 0.4, 0},
                                         ShedCase{"Observe", Policy::observe, 1500, 0.4, 0},
                                         ShedCase{"Paper", Policy::paper, 1500, 0.4, 0}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ShedCondition, AMomentInOrderStartsTheCountAnew) {
  Sample late = quiet(1500, 0.25), fine = quiet(1500, 0.25);
  late.run_delay_min_s = 0.4;
  State state = decide(all_of_the_cpu(), kLearnt, late).next;
  state = decide(all_of_the_cpu(), state, fine).next;
  EXPECT_EQ(decide(all_of_the_cpu(), state, late).plan.shed, 0);
}

TEST(ShedCondition, GoesOnUntilTheWaitIsOver) {
  Sample late = quiet(1500, 0.5);
  late.run_delay_min_s = 0.4;
  State state = decide(all_of_the_cpu(), kLearnt, late).next;
  ASSERT_TRUE(state.shedding);
  late.live = 1100, late.demand = 550, late.pause_s = 7 * 550;  // would not do to begin with
  EXPECT_NEAR(decide(all_of_the_cpu(), state, late).plan.shed, 250, 1);
  late.run_delay_min_s = 0.2;
  EXPECT_FALSE(decide(all_of_the_cpu(), state, late).next.shedding);
}

TEST(Observe, PlansLikeTheBudget) {
  Settings settings = all_of_the_cpu();
  settings.policy = Policy::observe;
  const Plan plan = decide(settings, kLearnt, quiet(500)).plan;
  EXPECT_EQ(plan.policy, Policy::observe);
  EXPECT_NEAR(plan.sessions_max, 1000, 0.01);
  EXPECT_NEAR(plan.rate, 100, 0.01);
}

TEST(Required, IsWhatEverybodyWhoAsksWouldTake) {
  State state = kLearnt;
  state.departures_per_s = 250;
  state.offered_per_s = 500;
  Sample sample = quiet(500);
  sample.departed = 250;  // so a session lasts 500 / 250 = 2 s
  sample.offered = 500;   // and 500 a second would be 1000 at once: 1000 * 1 ms/s + 500/s * 2 ms
  EXPECT_NEAR(decide(all_of_the_cpu(), state, sample).plan.cpus_required, 2, 1e-6);
}

TEST(Required, StaysWithinReasonWhenHardlyAnybodyLeaves) {
  State state = kLearnt;
  state.departures_per_s = 1e-300;
  state.offered_per_s = 100;
  Sample sample = quiet(500);
  sample.offered = 100;
  // Taken to last 10 min: 60,000 at once * 1 ms/s + 100/s * 2 ms.
  EXPECT_NEAR(decide(all_of_the_cpu(), state, sample).plan.cpus_required, 60.2, 1e-6);
}

struct HorizonCase {
  const char* name;
  double pause_s, horizon_s;
};
class Horizon : public testing::TestWithParam<HorizonCase> {};

TEST_P(Horizon, IsFourPauses) {
  State state = kLearnt;
  state.pause_s = FadingRatio{GetParam().pause_s, 1};
  EXPECT_NEAR(decide(all_of_the_cpu(), state, {.elapsed_s = 1}).plan.horizon_s, GetParam().horizon_s, 1e-9);
}
INSTANTIATE_TEST_SUITE_P(Admission, Horizon,
                         testing::Values(HorizonCase{"OfPeople", 7, 28}, HorizonCase{"OfPrograms", 0.01, 1},
                                         HorizonCase{"OfReaders", 60, 30}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(APeriodWithoutLength, TeachesNothingAndOpensNothing) {
  Sample sample = quiet(500);
  sample.elapsed_s = 0;
  sample.departed = 100;
  const Decision decision = decide(all_of_the_cpu(), kLearnt, sample);
  EXPECT_EQ(decision.plan.policy, Policy::session_budget);
  EXPECT_NEAR(decision.plan.sessions_max, 1000, 0.01);
  EXPECT_EQ(decision.next.departures_per_s, 0);
}

}  // namespace
}  // namespace sluice::admission
