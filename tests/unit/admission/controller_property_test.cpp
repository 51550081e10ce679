#include <cmath>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "admission/controller.hpp"

/// What holds of a plan whatever the sensors say.
namespace sluice::admission {
namespace {

class AnySample {
 public:
  explicit AnySample(unsigned seed) : random_{seed} {}

  /// Zero, something small, something usual or something huge.
  double number() {
    switch (random_() % 4) {
      case 0: return 0;
      case 1: return uniform() * 1e-6;
      case 2: return uniform() * 10;
      default: return uniform() * 1e6;
    }
  }
  Sample operator()() {
    Sample s{.elapsed_s = random_() % 20 == 0 ? number() : 0.1, .cpus = number()};
    for (double* field : {&s.cpu_full,
                          &s.cpu_resumed,
                          &s.cpu_requests,
                          &s.cpu_refusals,
                          &s.cpu_other,
                          &s.offered,
                          &s.resuming,
                          &s.admitted,
                          &s.refused,
                          &s.full,
                          &s.resumed,
                          &s.requests,
                          &s.returns,
                          &s.demand,
                          &s.pause_s,
                          &s.live,
                          &s.departed,
                          &s.run_delay_min_s,
                          &s.run_delay_mean_s,
                          &s.in_flight,
                          &s.in_flight_max,
                          &s.connections_new,
                          &s.cpu_connections_new,
                          &s.connections_resumed,
                          &s.cpu_connections_resumed})
      *field = number();
    if (random_() % 2 == 0) s.departed = -s.departed;
    return s;
  }

 private:
  double uniform() { return std::uniform_real_distribution{}(random_); }
  std::mt19937 random_;
};

void expect_sane(const Plan& plan) {
  for (const double value : {plan.sessions_max, plan.rate, plan.quota}) ASSERT_GE(value, 0);  // false for NaN
  for (const double value :
       {plan.shed, plan.cpus_required, plan.horizon_s, plan.supply, plan.session_cpu, plan.entry_s}) {
    ASSERT_GE(value, 0);
    ASSERT_TRUE(std::isfinite(value));
  }
}

TEST(PlanProperty, IsNeverNegativeAndAlwaysANumber) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    AnySample any{seed};
    for (const Policy policy : {Policy::off, Policy::observe, Policy::paper, Policy::session_budget}) {
      State state;
      for (int step = 0; step < 500; ++step) {
        SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(step));
        const Decision decision = decide({.policy = policy}, state, any());
        ASSERT_NO_FATAL_FAILURE(expect_sane(decision.plan));
        state = decision.next;
      }
    }
  }
}

TEST(PlanProperty, MoreProcessorsNeverLetFewerIn) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    AnySample any{seed};
    State budget, paper;
    for (int step = 0; step < 500; ++step) {
      Sample sample = any();
      sample.in_flight_max = 0;  // idle processors are what the guard looks at
      sample.run_delay_min_s = sample.backlog_s =
          0;  // whether a wait is as planned depends on the processors
      Sample larger = sample;
      larger.cpus += any.number();
      const Decision few = decide({.policy = Policy::session_budget}, budget, sample);
      const Decision many = decide({.policy = Policy::session_budget}, budget, larger);
      ASSERT_LE(few.plan.sessions_max, many.plan.sessions_max) << "seed " << seed << ", step " << step;
      ASSERT_LE(few.plan.rate, many.plan.rate) << "seed " << seed << ", step " << step;
      const Decision small = decide({.policy = Policy::paper}, paper, sample);
      ASSERT_LE(small.plan.quota, decide({.policy = Policy::paper}, paper, larger).plan.quota);
      budget = few.next;
      paper = small.next;
    }
  }
}

}  // namespace
}  // namespace sluice::admission
