#include "admission/gate.hpp"

#include <cmath>
#include <deque>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

using namespace std::chrono_literals;

struct Newcomer final : Waiter {};

Plan budget(double rate, double sessions_max = 1e9) {
  return {.policy = Policy::session_budget, .sessions_max = sessions_max, .rate = rate};
}

class GateTest : public testing::Test {
 protected:
  Verdict ask(Prefix prefix = 1, double live = 0) {
    return gate.ask(people.emplace_back(), prefix, live, now);
  }
  /// Spends what may be spent at once.
  void exhaust() {
    while (gate.ask_at_once(0, now) == Verdict::admit) {
    }
  }
  int serve(double live = 0) {
    int served = 0;
    while (gate.next(live, now) != nullptr) ++served;
    return served;
  }
  int expire() {
    int expired = 0;
    while (gate.expired(now) != nullptr) ++expired;
    return expired;
  }

  Gate::Instant now{1h};
  std::deque<Newcomer> people;
  Gate gate{};
};

TEST_F(GateTest, LetsEverybodyInWithoutAPlan) {
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(ask(1, 1e9), Verdict::admit);
  EXPECT_EQ(gate.predicted_wait_s(), 0);
}

TEST_F(GateTest, LetsEverybodyInWhenOffOrObserving) {
  for (const Policy policy : {Policy::off, Policy::observe}) {
    gate.follow({.policy = policy, .sessions_max = 0, .rate = 0}, 1, now);
    EXPECT_EQ(ask(1, 1e9), Verdict::admit);
    EXPECT_EQ(gate.ask_at_once(1e9, now), Verdict::admit);
    EXPECT_EQ(gate.ask_returning(1e9, now), Verdict::admit);
  }
}

TEST_F(GateTest, SpendsItsShareOfTheRate) {
  gate.follow(budget(400), 4, now);
  EXPECT_EQ(gate.rate(), 100);
  exhaust();
  int admitted = 0;
  for (int i = 0; i < 1000; ++i, now += 1ms) admitted += gate.ask_at_once(0, now) == Verdict::admit ? 1 : 0;
  EXPECT_NEAR(admitted, 100, 1);
}

TEST_F(GateTest, APauseIsNotSavedBeyondTheBurst) {
  gate.follow(budget(1000), 1, now);
  now += 10s;
  int admitted = 0;
  while (gate.ask_at_once(0, now) == Verdict::admit) ++admitted;
  EXPECT_EQ(admitted, 200);  // 200 ms of 1000/s
}

TEST_F(GateTest, ASlowerPlanTakesBackWhatWasSaved) {
  gate.follow(budget(1000), 1, now);
  now += 10s;
  gate.follow(budget(1), 1, now);
  EXPECT_EQ(gate.ask_at_once(0, now), Verdict::admit);
  EXPECT_EQ(gate.ask_at_once(0, now), Verdict::admit);
  EXPECT_EQ(gate.ask_at_once(0, now), Verdict::refuse);
}

TEST_F(GateTest, CountsLiveSessionsItself) {
  gate.follow(budget(1000, 10), 2, now);
  now += 1s;
  EXPECT_EQ(gate.ask_at_once(9, now), Verdict::admit);
  EXPECT_EQ(gate.ask_at_once(10, now), Verdict::refuse);  // a limit of all processors: not halved
  EXPECT_EQ(gate.ask_returning(10, now), Verdict::refuse);
  EXPECT_EQ(ask(1, 10), Verdict::park);
  EXPECT_EQ(serve(10), 0);
  EXPECT_EQ(serve(9), 1);
}

TEST_F(GateTest, ParksUntilThereIsAPlace) {
  gate.follow(budget(100), 1, now);
  exhaust();
  EXPECT_FALSE(gate.anybody_waits());
  EXPECT_EQ(ask(), Verdict::park);
  EXPECT_TRUE(gate.anybody_waits());
  EXPECT_EQ(gate.ask_at_once(0, now), Verdict::refuse);
  EXPECT_EQ(serve(), 0);
  now += 10ms;
  EXPECT_EQ(gate.ask_at_once(0, now), Verdict::refuse) << "who waits comes first";
  EXPECT_EQ(gate.next(0, now), &people.back());
  EXPECT_FALSE(gate.anybody_waits());
}

TEST_F(GateTest, NobodyWaitsLongerThanParkMax) {
  gate.follow(budget(0.1), 1, now);
  exhaust();
  EXPECT_EQ(ask(), Verdict::park);
  now += 99ms;
  EXPECT_EQ(expire(), 0);
  now += 1ms;
  EXPECT_EQ(gate.expired(now), &people.back());
  EXPECT_FALSE(people.back().waiting());
  EXPECT_EQ(expire(), 0);
}

TEST_F(GateTest, PredictsTheWaitOfANewcomer) {
  gate.follow(budget(100), 1, now);
  exhaust();
  EXPECT_NEAR(gate.predicted_wait_s(), 0.01, 1e-9);
  ask(), ask();
  EXPECT_NEAR(gate.predicted_wait_s(), 0.03, 1e-9);
  gate.follow(budget(0), 1, now);
  EXPECT_EQ(gate.predicted_wait_s(), Plan::kUnlimited);
}

TEST_F(GateTest, PredictsNoEndWhenNobodyIsLetInThoughATokenIsLeft) {
  gate.follow(budget(0), 1, now);
  EXPECT_EQ(gate.predicted_wait_s(), Plan::kUnlimited);
}

TEST_F(GateTest, RefusesWhoWouldWaitTooLong) {
  gate.follow(budget(100), 1, now);  // 10 in 100 ms
  exhaust();
  int parked = 0;
  for (int i = 0; i < 50; ++i) parked += ask() == Verdict::park ? 1 : 0;
  EXPECT_EQ(parked, 10);
}

TEST_F(GateTest, AQueueThatStaysIsKeptShort) {
  gate.follow(budget(1000), 1, now);
  exhaust();
  std::size_t longest_first = 0, longest_later = 0;
  for (int ms = 0; ms < 1000; ++ms, now += 1ms) {  // two arrive for each that is served
    ask(), ask();
    serve();
    expire();
    auto& longest = ms < 100 ? longest_first : longest_later;
    if (ms < 100 || ms >= 300) longest = std::max(longest, gate.waiting());
  }
  EXPECT_GT(longest_first, 60U);  // a burst may wait up to 100 ms ...
  EXPECT_LE(longest_later, 11U);  // ... but not if it never ends: 10 ms
  now += 200ms;
  expire();
  serve();
  exhaust();
  for (int i = 0; i < 50; ++i) ask();
  EXPECT_EQ(gate.waiting(), 50U) << "it was empty: a burst may wait again";
}

TEST_F(GateTest, ParksNoMoreThanParkedMax) {
  gate.follow(budget(100'000), 1, now);  // 10,000 in 100 ms
  exhaust();
  for (int i = 0; i < 300; ++i) ask();
  EXPECT_EQ(gate.waiting(), 256U);
  EXPECT_EQ(ask(1), Verdict::refuse);
  EXPECT_EQ(expire(), 0);
}

TEST_F(GateTest, TheLongestQueueGivesWayToAnotherNetwork) {
  gate.follow(budget(100'000), 1, now);
  exhaust();
  for (int i = 0; i < 256; ++i) ask(1);
  const Waiter* newest = &people.back();
  EXPECT_EQ(ask(2), Verdict::park);
  EXPECT_EQ(gate.waiting(), 256U);
  EXPECT_EQ(gate.expired(now), newest);
  EXPECT_EQ(expire(), 0);
}

TEST_F(GateTest, ADestroyedNewcomerLeavesTheQueue) {
  gate.follow(budget(100), 1, now);
  exhaust();
  {
    Newcomer gone;
    EXPECT_EQ(gate.ask(gone, 1, 0, now), Verdict::park);
    EXPECT_EQ(gate.waiting(), 1U);
  }
  EXPECT_FALSE(gate.anybody_waits());
  now += 1s;
  EXPECT_EQ(serve(), 0);
  EXPECT_EQ(expire(), 0);
}

TEST_F(GateTest, WhoWaitsComesInWhenThePolicyIsSwitchedOff) {
  gate.follow(budget(100), 1, now);
  exhaust();
  ask(), ask(), ask();
  gate.follow({}, 1, now);
  EXPECT_EQ(serve(), 3);
}

TEST_F(GateTest, WhoWaitsIsCountedWhenThePolicyBecomesThePapers) {
  gate.follow(budget(100), 1, now);
  exhaust();
  ask(), ask(), ask();
  gate.follow({.policy = Policy::paper, .quota = 2, .interval_begins = true}, 1, now);
  EXPECT_EQ(serve(), 2);
  now += 100ms;
  EXPECT_EQ(expire(), 1);
}

TEST_F(GateTest, WhoComesBackMayRunAheadOfTheRateButNotFar) {
  gate.follow(budget(100), 1, now);
  exhaust();
  int ahead = 0;
  while (gate.ask_returning(0, now) == Verdict::admit) ++ahead;
  EXPECT_EQ(ahead, 5);  // 50 ms of 100/s
  EXPECT_EQ(ask(), Verdict::park);
  now += 50ms;  // the debt is paid
  EXPECT_EQ(serve(), 0);
  now += 10ms;
  EXPECT_EQ(serve(), 1);
}

TEST_F(GateTest, WhoComesBackIsBeforeThoseThatWait) {
  gate.follow(budget(100), 1, now);
  exhaust();
  EXPECT_EQ(ask(), Verdict::park);
  EXPECT_EQ(gate.ask_returning(0, now), Verdict::admit);
}

TEST_F(GateTest, ThePapersQuotaIsSharedAndSpentOnce) {
  Plan plan{.policy = Policy::paper, .quota = 10, .interval_begins = true};
  gate.follow(plan, 2, now);
  plan.interval_begins = false;
  int admitted = 0;
  for (int i = 0; i < 20; ++i, now += 100ms) {
    gate.follow(plan, 2, now);  // of the same interval
    admitted += ask() == Verdict::admit ? 1 : 0;
    admitted += gate.ask_at_once(0, now) == Verdict::admit ? 1 : 0;
    admitted += gate.ask_returning(0, now) == Verdict::admit ? 1 : 0;
  }
  EXPECT_EQ(admitted, 5);
  EXPECT_FALSE(gate.anybody_waits()) << "the paper knows no queue";
  plan.interval_begins = true;
  gate.follow(plan, 2, now);
  EXPECT_EQ(ask(), Verdict::admit);
}

TEST_F(GateTest, ThePapersFirstQuotaHoldsFromTheFirstPlan) {
  gate.follow({.policy = Policy::paper}, 1, now);
  EXPECT_EQ(ask(), Verdict::admit);
  gate.follow({.policy = Policy::paper, .quota = 0}, 1, now);
  EXPECT_EQ(ask(), Verdict::refuse);
}

/// In any span of T seconds no more than rate * T + burst come in. Said of all spans at once: a bucket that
/// holds `burst`, leaks `rate` and takes one drop for each never runs over.
TEST(GateProperty, NeverLetsInMoreThanRateAndBurst) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random{seed};
    const double rate = std::exp(std::uniform_real_distribution{0.0, 9.0}(random));  // 1 to 8000/s
    const double burst = std::max(2.0, rate * 0.2);
    std::deque<Newcomer> people;
    Gate gate;
    Gate::Instant now{1h}, before = now;
    gate.follow(budget(rate), 1, now);
    double level = 0;
    const auto came_in = [&] {
      level = std::max(0.0, level - rate * std::chrono::duration<double>(now - before).count()) + 1;
      before = now;
      ASSERT_LE(level, burst + 1e-6) << "seed " << seed << ", rate " << rate;
    };
    for (int step = 0; step < 5000; ++step) {
      switch (random() % 8) {
        case 0: now += std::chrono::microseconds{random() % 200'000}; break;
        case 1: now += std::chrono::microseconds{random() % 2'000}; break;
        case 2: gate.follow(budget(rate), 1, now); break;
        case 3:
          while (gate.expired(now) != nullptr) {
          }
          break;
        case 4:
          while (gate.next(0, now) != nullptr) came_in();
          break;
        case 5:
          if (gate.ask_at_once(0, now) == Verdict::admit) came_in();
          break;
        default:
          if (gate.ask(people.emplace_back(), random() % 9, 0, now) == Verdict::admit) came_in();
      }
      if (testing::Test::HasFatalFailure()) return;
      ASSERT_LE(gate.waiting(), 256U);
    }
  }
}

}  // namespace
}  // namespace sluice::admission
