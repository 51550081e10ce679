#include "admission/ladder.hpp"

#include <string>

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

using namespace std::chrono_literals;

// One CPU, shares of a tenth each, half a second of which a bucket holds: 50 ms. Explaining takes 10 ms, an
// alert 5 ms, a reset 1 ms: so at once 5 are explained, 10 are alerted, 50 are reset.
class LadderTest : public testing::Test {
 protected:
  LadderTest() { ladder.follow(1, kCosts, false); }

  /// How many of the next `count` refusals are made by `step`.
  int chosen(Step step, int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum += ladder.choose(now) == step ? 1 : 0;
    return sum;
  }

  static constexpr std::array<double, 3> kCosts{0.010, 0.005, 0.001};
  Ladder::Instant now{1h};
  Ladder ladder{{.explain = 0.1, .alert = 0.1, .reset = 0.1, .reset_among_resuming = 0.4}};
};

TEST_F(LadderTest, IsKindAsLongAsItCan) {
  ladder.choose(now);  // the buckets are full by now
  now += 1s;
  EXPECT_EQ(chosen(Step::explain, 4), 4);
  ladder.choose(now);  // the fifth, or one less for rounding
  now += 1ms;
  int explained = 0, alerted = 0, reset = 0;
  for (int i = 0; i < 30; ++i) {
    switch (ladder.choose(now)) {
      case Step::explain: ++explained; break;
      case Step::alert: ++alerted; break;
      default: ++reset;
    }
  }
  EXPECT_LE(explained, 1);
  EXPECT_NEAR(alerted, 10, 1);
  EXPECT_NEAR(reset, 20, 1);
  EXPECT_FALSE(ladder.exhausted(now));
}

TEST_F(LadderTest, ABudgetIsAShareOfTheTime) {
  chosen(Step::explain, 100);
  int explained = 0;
  for (int i = 0; i < 1000; ++i, now += 10ms) explained += ladder.choose(now) == Step::explain ? 1 : 0;
  EXPECT_NEAR(explained, 100, 2);  // 10 s * 0.1 / 10 ms
}

TEST_F(LadderTest, ABudgetGrowsWithTheProcessors) {
  ladder.follow(2, kCosts, false);
  chosen(Step::explain, 100);
  int explained = 0;
  for (int i = 0; i < 1000; ++i, now += 10ms) explained += ladder.choose(now) == Step::explain ? 1 : 0;
  EXPECT_NEAR(explained, 200, 2);
}

TEST_F(LadderTest, WithoutProcessorsThereIsOnlyReset) {
  ladder.follow(0, kCosts, false);
  EXPECT_EQ(chosen(Step::reset, 10), 10);
  EXPECT_TRUE(ladder.exhausted(now));
}

TEST_F(LadderTest, IsExhaustedWhenEvenResetsAreTooMany) {
  EXPECT_FALSE(ladder.exhausted(now));
  chosen(Step::reset, 5 + 10 + 48);
  EXPECT_FALSE(ladder.exhausted(now));
  chosen(Step::reset, 4);
  EXPECT_TRUE(ladder.exhausted(now));
  now += 50ms;  // 5 ms more to spend
  EXPECT_FALSE(ladder.exhausted(now));
}

TEST_F(LadderTest, ResetsMayTakeMoreWhileClientsThatResumeWaitAmongThem) {
  const auto resets_in_10_s = [&] {
    int resets = 0;
    for (int i = 0; i < 10'000; ++i, now += 1ms) {
      while (!ladder.exhausted(now)) {
        ladder.book(Step::reset, now);
        ++resets;
      }
    }
    return resets;
  };
  resets_in_10_s();
  EXPECT_NEAR(resets_in_10_s(), 1000, 10);  // 10 s * 0.1 / 1 ms
  ladder.follow(1, kCosts, true);
  EXPECT_NEAR(resets_in_10_s(), 4000, 40);
}

TEST_F(LadderTest, KeepsHalfOfThePagesForThoseWhoWereToldToComeBack) {
  ladder.choose(now);  // the buckets are full by now
  now += 1s;
  int strangers = 0;
  while (ladder.can_explain(now, false)) {
    EXPECT_EQ(ladder.choose(now, false), Step::explain);
    ++strangers;
  }
  EXPECT_EQ(strangers, 2);
  EXPECT_NE(ladder.choose(now, false), Step::explain);
  EXPECT_EQ(ladder.choose(now, true), Step::explain);
  EXPECT_EQ(ladder.choose(now, true), Step::explain);
}

TEST_F(LadderTest, BooksWhatItDidNotChoose) {
  for (int i = 0; i < 5; ++i) ladder.book(Step::explain, now);
  for (int i = 0; i < 10; ++i) ladder.book(Step::alert, now);
  EXPECT_EQ(ladder.choose(now), Step::reset);
}

TEST_F(LadderTest, ADebtIsPaidOffInAMoment) {
  for (int i = 0; i < 100'000; ++i) ladder.book(Step::explain, now);  // 1000 s of CPU
  now += 2s;
  EXPECT_EQ(ladder.choose(now), Step::explain);
}

TEST_F(LadderTest, FollowsWhatRefusalsAreMeasuredToCost) {
  ladder.follow(1, {0.049, 0.049, 0.001}, false);
  EXPECT_EQ(ladder.choose(now), Step::explain);
  EXPECT_EQ(ladder.choose(now), Step::alert);
  EXPECT_EQ(ladder.choose(now), Step::reset);
}

TEST(LadderNames, AreThoseOfTheSteps) {
  EXPECT_EQ(kStepNames[static_cast<std::size_t>(Step::explain)], "explain");
  EXPECT_EQ(kStepNames[static_cast<std::size_t>(Step::alert)], "alert");
  EXPECT_EQ(kStepNames[static_cast<std::size_t>(Step::reset)], "reset");
}

}  // namespace
}  // namespace sluice::admission
