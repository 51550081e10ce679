#include "loadgen/lab/figures.hpp"

#include <cmath>

#include <gmock/gmock.h>

namespace sluice::loadgen::lab {
namespace {

using testing::Contains;
using testing::HasSubstr;

Measurement measured(std::size_t variant, std::size_t x, double rate, std::uint64_t completed,
                     bool client_limited = false) {
  Measurement one;
  one.point = {.variant = variant, .x = x};
  one.rate = rate;
  one.result.window_s = 10;
  one.result.window.sessions.completed = completed;
  if (client_limited) one.result.verdict.kind = Verdict::Kind::client_limited;
  return one;
}

Findings sweep() {
  Findings findings;
  findings.plan.experiment = find_experiment("saturation");
  findings.plan.variants = {{.name = "off"}, {.name = "paper", .policy = "paper"}};
  findings.plan.xs = {1, 4, 10};
  return findings;
}

TEST(Figures, AreRatesOfTheWindow) {
  Measurement one = measured(0, 0, 40, 300);
  one.server_cpu = 0.75;
  one.result.window.sessions.started = 400;
  one.result.window.requests.ok = 4500;
  one.result.window.connections.handshakes_full = 30;
  one.result.window.connections.handshakes_resumed = 10;
  one.result.server.totals["cpu_ms_per_full_handshake"] = 0.4;
  const Figures figures = figures_of(one);
  EXPECT_EQ(figures.offered, 40);
  EXPECT_EQ(figures.completed, 30);
  EXPECT_EQ(figures.throughput, 450);
  EXPECT_EQ(figures.handshakes, 4);
  EXPECT_EQ(figures.resumed_share, 0.25);
  EXPECT_EQ(figures.server_cpu, 0.75);
  EXPECT_EQ(figures.cpu_ms_per_handshake, 750 / 4.0);
  EXPECT_EQ(figures.cpu_ms_per_full, 0.4);
  EXPECT_TRUE(std::isnan(figures.cpu_ms_per_resumed)) << "not published, so not zero";
  EXPECT_TRUE(std::isnan(figures.mean_ms)) << "no reply, so no time";
}

TEST(MeanOf, HasStudentsIntervalOverRepeats) {
  const Mean mean = mean_of({9, 10, 11});
  EXPECT_DOUBLE_EQ(mean.value, 10);
  EXPECT_NEAR(mean.half_width, 4.3027 / std::sqrt(3), 1e-4);  // t(0.975, 2), standard deviation 1
  EXPECT_TRUE(std::isnan(mean_of({5}).half_width));
  EXPECT_TRUE(std::isnan(mean_of({}).value));
}

TEST(Rows, PutRepeatsTogetherAndRememberThatOneWasClientLimited) {
  Findings findings = sweep();
  findings.measurements.push_back(measured(1, 0, 40, 100));
  findings.measurements.push_back(measured(0, 0, 40, 100));
  findings.measurements.push_back(measured(0, 0, 40, 300, true));
  const auto rows = rows_of(findings);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].variant, 0U);
  EXPECT_EQ(rows[0].mean(&Figures::completed).value, 20);
  EXPECT_EQ(rows[0].rate, 40);
  EXPECT_TRUE(rows[0].client_limited);
  EXPECT_FALSE(rows[1].client_limited);
}

TEST(Conclusions, SayWhatIsLeftOfThePeak) {
  Findings findings = sweep();
  findings.measurements.push_back(measured(0, 0, 40, 400));
  findings.measurements.push_back(measured(0, 1, 160, 100));
  findings.measurements.push_back(measured(0, 2, 400, 5000, true));  // not to be trusted: left out
  EXPECT_THAT(conclusions_of(findings),
              Contains("off: at most 40 completed sessions/s, at 40 new clients/s; at 160 (4 times the "
                       "saturation rate) 10, which is 25.0 % of that."));
}

TEST(Conclusions, SayHowTheSaturationRateIsKnown) {
  Findings findings = sweep();
  findings.searches.push_back({.capacity = {.processors = 0.5}, .found = {.rate = 120, .bracketed = true}});
  findings.searches.push_back({.found = {.rate = 300, .client_limited = true}});
  EXPECT_THAT(conclusions_of(findings)[0], HasSubstr("With 0.5 CPU and ecdsa, the server saturates at 120"));
  EXPECT_THAT(conclusions_of(findings)[1], HasSubstr("or so: the generator was the limit"));
}

TEST(Conclusions, SayWhatAnAttackCostsHonestUsers) {
  Findings findings = sweep();
  findings.plan.experiment = find_experiment("attacks");
  findings.plan.variants = {{.name = "quiet"}, {.name = "forged", .attack = "forged-ticket:10/s"}};
  findings.measurements.push_back(measured(0, 0, 40, 400));
  findings.measurements.push_back(measured(1, 0, 40, 300));
  EXPECT_THAT(
      conclusions_of(findings),
      Contains("forged: honest users complete 75.0 % of the sessions they complete without an attack."));
}

}  // namespace
}  // namespace sluice::loadgen::lab
