#include "admission/in_flight.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

constexpr double kPeriod_s = 0.1;

/// A backend that answers each request in `latency_s` as long as no more than `rate` of them come a second;
/// what is more stands in a queue before it. Requests come at `offered` a second.
struct Backend {
  double latency_s = 0.01;
  double rate = 1e9;
  double offered = 1000;
  double in_flight = 0;
  double refused = 0;

  void period(InFlight& bound, double cpu_share = 0.1) {
    const double room = bound.limit() > 0 ? std::max(0.0, bound.limit() - in_flight) : 1e9;
    // What comes in a period passes through the bound a little at a time: no more than its places, each used
    // again after the wait.
    const double wait_s = std::max(latency_s, in_flight / rate);
    const double turns = std::max(1.0, kPeriod_s / wait_s);
    const double came = std::min(offered * kPeriod_s, room * turns);
    refused += offered * kPeriod_s - came;
    const double done =
        std::min({in_flight + came, rate * kPeriod_s, (in_flight + came) * kPeriod_s / wait_s});
    in_flight += came - done;
    bound.update(kPeriod_s, done, done * wait_s, in_flight, cpu_share);
  }
  void run(InFlight& bound, double seconds, double cpu_share = 0.1) {
    for (double t = 0; t < seconds; t += kPeriod_s) period(bound, cpu_share);
  }
};

TEST(Bound, IsNoneAtFirstAndWhileNothingIsSlow) {
  InFlight bound;
  EXPECT_EQ(bound.limit(), 0);
  EXPECT_TRUE(bound.room(99'999));
  Backend backend;
  backend.run(bound, 60);
  EXPECT_EQ(bound.limit(), 0);
  EXPECT_EQ(backend.refused, 0);
}

TEST(Bound, BeginsWhereWorkIsWhenWaitsGrow) {
  InFlight bound;
  for (int i = 0; i < 100; ++i) bound.update(kPeriod_s, 100, 100 * 0.01, 50, 0.1);
  for (int i = 0; i < 20; ++i) bound.update(kPeriod_s, 100, 100 * 0.1, 200, 0.1);  // ten times the usual
  EXPECT_GT(bound.limit(), 16);
  EXPECT_LT(bound.limit(), 200);
  EXPECT_TRUE(bound.room(10));
  EXPECT_FALSE(bound.room(200));
}

TEST(Bound, WaitsUpToTwiceTheUsualAreNotSlowness) {
  InFlight bound;
  for (int i = 0; i < 100; ++i) bound.update(kPeriod_s, 100, 100 * 0.01, 50, 0.1);
  for (int i = 0; i < 100; ++i) bound.update(kPeriod_s, 100, 100 * 0.019, 50, 0.1);
  EXPECT_EQ(bound.limit(), 0);
}

TEST(Bound, ShortWaitsAreNoMatter) {
  InFlight bound;
  for (int i = 0; i < 100; ++i) bound.update(kPeriod_s, 100, 100 * 0.00001, 50, 0.1);
  for (int i = 0; i < 100; ++i) bound.update(kPeriod_s, 100, 100 * 0.0019, 50, 0.1);  // 190 times as long
  EXPECT_EQ(bound.limit(), 0);
}

TEST(Bound, APermanentlySlowerBackendBecomesTheUsual) {
  InFlight bound;
  Backend backend;
  backend.run(bound, 60);
  backend.latency_s = 0.1;  // from 10 ms
  backend.run(bound, 300);
  backend.refused = 0;
  backend.run(bound, 60);
  EXPECT_EQ(bound.limit(), 0);
  EXPECT_EQ(backend.refused, 0);
}

TEST(Bound, ABackendThatCanDoNoMoreIsNotFloodedWithWork) {
  InFlight bound;
  Backend backend;
  backend.run(bound, 60);
  backend.rate = 500;  // of 1000 that come
  backend.run(bound, 30);
  // What it can do at twice the usual wait is 500/s * 20 ms = 10, and the root of growth comes on top;
  // without a bound it would be 15,000 by now.
  EXPECT_GE(bound.limit(), 16);
  EXPECT_LT(bound.limit(), 100);
  EXPECT_LT(backend.in_flight, 200);
}

TEST(Bound, IsLetGoWhenTheSlownessEnds) {
  InFlight bound;
  Backend backend;
  backend.run(bound, 60);
  backend.rate = 500;
  backend.run(bound, 10);
  EXPECT_GT(bound.limit(), 0);
  backend.rate = 1e9;
  backend.run(bound, 120);
  EXPECT_EQ(bound.limit(), 0);
}

TEST(Bound, IsNotForWaitsForTheCpu) {
  InFlight bound;
  for (int i = 0; i < 100; ++i) bound.update(kPeriod_s, 100, 100 * 0.01, 50, 0.1);
  for (int i = 0; i < 100; ++i) bound.update(kPeriod_s, 100, 100 * 1.0, 5000, 0.95);
  EXPECT_EQ(bound.limit(), 0);
  // Nor was it learnt that such waits are usual.
  for (int i = 0; i < 10; ++i) bound.update(kPeriod_s, 100, 100 * 0.1, 200, 0.1);
  EXPECT_GT(bound.limit(), 0);
}

TEST(Bound, IsForABackendThatAnswersNothingAtAll) {
  InFlight bound;
  for (int i = 0; i < 100; ++i) bound.update(kPeriod_s, 100, 100 * 0.01, 50, 0.1);
  double in_flight = 50;
  for (int i = 0; i < 10; ++i) bound.update(kPeriod_s, 0, 0, in_flight += 100, 0.1);
  EXPECT_GT(bound.limit(), 0);
  EXPECT_FALSE(bound.room(1050));
}

TEST(Bound, SilenceTeachesNothingWhenNothingIsInWork) {
  InFlight bound;
  for (int i = 0; i < 100; ++i) bound.update(kPeriod_s, 100, 100 * 0.01, 50, 0.1);
  for (int i = 0; i < 600; ++i) bound.update(kPeriod_s, 0, 0, 0, 0.0);
  EXPECT_EQ(bound.limit(), 0);
}

TEST(BoundProperty, IsNeverBelowTheLeastNorBeyondTheMost) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random{seed};
    const auto number = [&](double most) {
      return random() % 4 == 0 ? 0.0 : std::uniform_real_distribution{0.0, most}(random);
    };
    InFlight bound{{.min = 16, .max = 1000}};
    for (int step = 0; step < 2000; ++step) {
      bound.update(random() % 50 == 0 ? number(100) : kPeriod_s, number(1000), number(1000), number(2000),
                   number(1.1));
      ASSERT_TRUE(bound.limit() == 0 || (bound.limit() >= 16 && bound.limit() < 1000))
          << "seed " << seed << ", step " << step << ": " << bound.limit();
      ASSERT_TRUE(bound.room(15));
    }
  }
}

}  // namespace
}  // namespace sluice::admission
