#include "admission/controller.hpp"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

TEST(Ratio, KeepsItsValueWhenThereIsNoNews) {
  FadingRatio ratio{0.25, 8};
  for (int i = 0; i < 1000; ++i) ratio.add(0, 0, 0.5);
  EXPECT_DOUBLE_EQ(ratio.value(), 0.25);
}

TEST(Ratio, TheFirstValueWeighsWhatItWasSaidToWeigh) {
  FadingRatio ratio{1, 10};
  ratio.add(30, 10, 1);  // (1 * 10 + 30) / (10 + 10)
  EXPECT_DOUBLE_EQ(ratio.value(), 2);
}

TEST(Ratio, WhatIsOldFades) {
  FadingRatio ratio{1, 10};
  ratio.add(50, 10, 0.5);  // (5 + 50) / (5 + 10)
  EXPECT_DOUBLE_EQ(ratio.value(), 55.0 / 15);
}

TEST(Ratio, NeverWeighsLessThanAtFirst) {
  FadingRatio ratio{1, 10};
  ratio.add(4, 1, 0);    // 4, from one observation, weighs as 10 from now on
  ratio.add(20, 10, 1);  // (4 * 10 + 20) / (10 + 10)
  EXPECT_DOUBLE_EQ(ratio.value(), 3);
}

TEST(Ratio, KeepsANumeratorForTheDenominatorThatFollows) {
  FadingRatio ratio{0, 10};
  ratio.add(20, 0, 0.5);
  EXPECT_DOUBLE_EQ(ratio.value(), 0);
  ratio.add(10, 10, 0.5);  // (0 + 20 / 2 + 10) / (5 + 10)
  EXPECT_DOUBLE_EQ(ratio.value(), 20.0 / 15);
}

TEST(PolicyNames, AreReadAsTheyAreWritten) {
  for (const Policy policy : {Policy::off, Policy::observe, Policy::paper, Policy::session_budget})
    EXPECT_EQ(parse_policy(name_of(policy)), policy);
  EXPECT_EQ(name_of(Policy::session_budget), "session-budget");
  EXPECT_EQ(parse_policy("session_budget"), std::nullopt);
  EXPECT_EQ(parse_policy(""), std::nullopt);
}

// The paper's law: N_max = (k A - O CTO) / CTN and R = (N CTN + O CTO) / k.

struct PaperCase {
  const char* name;
  double cpus, offered, resuming;  // in an interval of 2 s
  double quota, required;
};
class Paper : public testing::TestWithParam<PaperCase> {};

// 2 s, 10 ms for a new connection, 1 ms for a resumed one.
TEST_P(Paper, AdmitsWhatResumedConnectionsLeaveOver) {
  const PaperCase& row = GetParam();
  const Settings settings{.policy = Policy::paper, .paper = {.new_s = 0.010, .resumed_s = 0.001}};
  const Sample sample{.elapsed_s = 2, .cpus = row.cpus, .offered = row.offered, .resuming = row.resuming};
  const Plan plan = decide(settings, State{}, sample).plan;
  EXPECT_TRUE(plan.interval_begins);
  EXPECT_NEAR(plan.quota, row.quota, 1);
  EXPECT_EQ(plan.quota, std::floor(plan.quota)) << "people come whole";
  EXPECT_NEAR(plan.cpus_required, row.required, 1e-9);
  EXPECT_EQ(plan.rate, Plan::kUnlimited);
  EXPECT_EQ(plan.sessions_max, Plan::kUnlimited);
  EXPECT_EQ(plan.policy, Policy::paper);
}
INSTANTIATE_TEST_SUITE_P(
    Admission, Paper,
    testing::Values(PaperCase{"NobodyResumes", 1, 0, 0, 200, 0},             // (2 - 0) / 10 ms
                    PaperCase{"HalfTheTimeResumes", 1, 100, 1000, 100, 1},   // (2 - 1) / 10 ms; (1 + 1) / 2
                    PaperCase{"ExactlyFull", 1, 0, 2000, 0, 1},              // (2 - 2) / 10 ms
                    PaperCase{"MoreResumeThanFit", 1, 400, 4000, 0, 4},      // never below 0; (4 + 4) / 2
                    PaperCase{"TwoProcessors", 2, 600, 2000, 200, 4},        // (4 - 2) / 10 ms; (6 + 2) / 2
                    PaperCase{"HalfAProcessor", 0.5, 0, 500, 50, 0.25},      // (1 - 0.5) / 10 ms
                    PaperCase{"QuotaIsInWholePeople", 1, 0, 5, 199, 0.0025}  // 1.995 / 10 ms = 199.5
                    ),
    [](const auto& test) { return std::string(test.param.name); });

/// Periods of a quarter of a second: exact in binary, so that boundaries fall where they seem to.
class PaperInterval : public testing::Test {
 protected:
  Plan after(int periods, const Sample& sample) {
    Plan plan;
    for (int i = 0; i < periods; ++i) {
      const Decision decision = decide(settings, state, sample);
      state = decision.next;
      plan = decision.plan;
    }
    return plan;
  }

  Settings settings{.policy = Policy::paper, .paper = {.new_s = 0.25, .resumed_s = 0.125}};
  State state{};
};

TEST_F(PaperInterval, LetsEverybodyInUntilTheFirstOneIsOver) {
  const Plan plan = after(7, {.elapsed_s = 0.25, .offered = 1, .resuming = 1});
  EXPECT_FALSE(plan.interval_begins);
  EXPECT_EQ(plan.quota, Plan::kUnlimited);
}

TEST_F(PaperInterval, SumsItsPeriodsAndBeginsAnewWithTheLastOfThem) {
  const Plan first = after(8, {.elapsed_s = 0.25, .offered = 1, .resuming = 1});
  EXPECT_TRUE(first.interval_begins);
  EXPECT_EQ(first.quota, 4);                   // (2 - 8 * 1/8) / (1/4)
  EXPECT_DOUBLE_EQ(first.cpus_required, 1.5);  // (8 * 1/4 + 8 * 1/8) / 2
  const Plan during = after(7, {.elapsed_s = 0.25});
  EXPECT_FALSE(during.interval_begins);
  EXPECT_EQ(during.quota, 4);  // that of the interval under way
  const Plan second = after(1, {.elapsed_s = 0.25});
  EXPECT_TRUE(second.interval_begins);
  EXPECT_EQ(second.quota, 8);  // the first one's connections are forgotten
  EXPECT_DOUBLE_EQ(second.cpus_required, 0);
}

TEST_F(PaperInterval, ALateOneIsScaledToItsNominalLength) {
  // 16 resumed in 4 s are 8 in 2 s.
  const Plan plan = after(1, {.elapsed_s = 4, .offered = 16, .resuming = 16});
  EXPECT_EQ(plan.quota, 4);
  EXPECT_DOUBLE_EQ(plan.cpus_required, 1.5);
}

TEST_F(PaperInterval, HasTheLengthOfTheSettings) {
  settings.paper.interval_s = 1;
  const Plan plan = after(4, {.elapsed_s = 0.25, .resuming = 1});
  EXPECT_TRUE(plan.interval_begins);
  EXPECT_EQ(plan.quota, 2);  // (1 - 4 * 1/8) / (1/4)
}

TEST(PaperCosts, AreThoseOfWholeConnectionsOrOfHandshakesAlone) {
  const State state{
      .full_s{0.01, 1}, .resumed_s{0.001, 1}, .connection_new_s{0.04, 1}, .connection_resumed_s{0.01, 1}};
  const Sample sample{.elapsed_s = 2, .resuming = 100};
  Settings settings{.policy = Policy::paper};
  settings.paper.cost = PaperCost::connection;
  EXPECT_NEAR(decide(settings, state, sample).plan.quota, 25, 1);  // (2 - 100 * 10 ms) / 40 ms
  settings.paper.cost = PaperCost::handshake;
  EXPECT_NEAR(decide(settings, state, sample).plan.quota, 190, 1);  // (2 - 100 * 1 ms) / 10 ms
}

TEST(PaperCosts, AreMeasured) {
  Settings settings{.policy = Policy::paper};
  settings.paper.cost = PaperCost::connection;
  const Sample sample{.elapsed_s = 2,
                      .resuming = 100,
                      .connections_new = 1e6,
                      .cpu_connections_new = 4e4,  // 40 ms each
                      .connections_resumed = 1e6,
                      .cpu_connections_resumed = 1e4};  // 10 ms each
  EXPECT_NEAR(decide(settings, State{}, sample).plan.quota, 25, 1);
}

TEST(PaperCosts, AConfiguredOneTakesThePlaceOfTheMeasured) {
  const State state{.connection_new_s{0.04, 1}, .connection_resumed_s{0.01, 1}};
  Settings settings{.policy = Policy::paper, .paper = {.new_s = 0.1}};
  EXPECT_NEAR(decide(settings, state, {.elapsed_s = 2, .resuming = 100}).plan.quota, 10, 1);
  settings.paper.resumed_s = 0.005;
  EXPECT_NEAR(decide(settings, state, {.elapsed_s = 2, .resuming = 100}).plan.quota, 15, 1);
}

}  // namespace
}  // namespace sluice::admission
