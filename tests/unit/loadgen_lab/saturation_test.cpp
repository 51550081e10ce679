#include "loadgen/lab/saturation.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace sluice::loadgen::lab {
namespace {

/// A server as a short probe sees it: CPU in proportion to the load and dearer per client when it is low, as
/// batches are smaller; users give up from a quarter beyond capacity on.
struct SimulatedServer {
  double capacity = 0;
  bool cpu_known = true;
  double generator_max = 1e9;

  Probe probe(double rate) const {
    Probe probe{.rate = rate};
    const double load = rate / capacity;
    if (cpu_known) probe.cpu_share = std::min(1.0, load * (1.3 - 0.3 * std::min(1.0, load)));
    if (load > 1.25 || (!cpu_known && load > 1)) probe.unsuccessful = 1 - 1 / load;
    probe.client_limited = rate > generator_max;
    return probe;
  }
};

std::vector<Probe> search(const SimulatedServer& server, const SearchPlan& plan) {
  return *search(plan, [&](double rate, unsigned) -> std::optional<Probe> { return server.probe(rate); });
}

struct SearchCase {
  const char* name;
  double capacity;
  bool cpu_known;
  std::size_t probes_most;
};

class Search : public testing::TestWithParam<SearchCase> {};

TEST_P(Search, FindsTheCapacityWithinItsPrecision) {
  const SimulatedServer server{GetParam().capacity, GetParam().cpu_known};
  const SearchPlan plan{.start = 20, .precision = 1.25, .probes_max = 20};
  const auto probes = search(server, plan);
  const Saturation found = saturation_of(probes);
  EXPECT_TRUE(found.bracketed);
  EXPECT_FALSE(found.client_limited);
  EXPECT_GT(found.rate, GetParam().capacity / 1.25);
  EXPECT_LT(found.rate, GetParam().capacity * 1.25);
  EXPECT_LE(probes.size(), GetParam().probes_most);
}

INSTANTIATE_TEST_SUITE_P(Lab, Search,
                         testing::Values(SearchCase{"SmallServer", 55, true, 6},
                                         SearchCase{"OrdinaryServer", 240, true, 7},
                                         SearchCase{"FastServer", 5000, true, 9},
                                         SearchCase{"ServerWhoseCpuIsNotKnown", 240, false, 8},
                                         SearchCase{"ServerSlowerThanTheFirstProbe", 6, true, 7}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Search, StartsAtItsFirstRate) { EXPECT_EQ(next_rate({}, {.start = 7}), 7); }

TEST(Search, DoublesWhileTheCpuIsNotKnown) { EXPECT_EQ(next_rate({Probe{.rate = 10}}, {}), 20); }

TEST(Search, GoesWhereTheCpuPointsButAtMostEightfold) {
  EXPECT_EQ(next_rate({Probe{.rate = 10, .cpu_share = 0.25}}, {}), 40);
  EXPECT_EQ(next_rate({Probe{.rate = 10, .cpu_share = 0.01}}, {}), 80);
  EXPECT_EQ(next_rate({Probe{.rate = 10, .cpu_share = 0.9}}, {}), 20);
}

TEST(Search, BisectsOnALogarithmicScale) {
  const std::vector<Probe> probes{{.rate = 10, .cpu_share = 0.5}, {.rate = 40, .cpu_share = 1}};
  EXPECT_EQ(next_rate(probes, {}), 20);
}

TEST(Search, EndsWhenItsProbesAreUsedUp) {
  const SimulatedServer server{.capacity = 1e12};
  EXPECT_EQ(search(server, {.start = 1, .probes_max = 4}).size(), 4U);
}

TEST(Search, GivesUpOnAServerThatCarriesNothing) {
  const SimulatedServer server{.capacity = 1e-3};
  const auto probes = search(server, {.start = 20, .rate_min = 0.5});
  EXPECT_EQ(probes.size(), 3U);  // 20, 5, 1.25
  EXPECT_EQ(saturation_of(probes).rate, 1.25);
  EXPECT_FALSE(saturation_of(probes).bracketed);
}

TEST(Search, EndsWhereTheGeneratorDoesAndSaysSo) {
  const SimulatedServer server{.capacity = 10'000, .generator_max = 500};
  const auto probes = search(server, {.start = 20});
  const Saturation found = saturation_of(probes);
  EXPECT_TRUE(found.client_limited);
  EXPECT_FALSE(found.bracketed);
  EXPECT_GE(found.rate, 160);  // the last rate it could make, or what its CPU promised
  EXPECT_LE(found.rate, 1280);
}

TEST(Search, AsksOnceMoreWhenTheGeneratorWasTheLimit) {
  std::vector<Probe> probes{{.rate = 10, .cpu_share = 0.25}, {.rate = 40, .client_limited = true}};
  EXPECT_EQ(next_rate(probes, {}), 40);
  probes.push_back({.rate = 40, .cpu_share = 0.5});  // a neighbour had been the reason
  EXPECT_EQ(next_rate(probes, {}), 80);
  probes.back().client_limited = true;
  EXPECT_EQ(next_rate(probes, {}), std::nullopt);
  EXPECT_TRUE(saturation_of(probes).client_limited);
}

TEST(Search, TrustsTheLowerFailureWhenAHigherRatePassed) {
  const std::vector<Probe> probes{{.rate = 10, .cpu_share = 0.5},
                                  {.rate = 20, .unsuccessful = 0.5, .cpu_share = 0.8},
                                  {.rate = 40, .cpu_share = 0.9}};
  EXPECT_EQ(saturation_of(probes).rate, 20);
  EXPECT_TRUE(saturation_of(probes).bracketed);
}

TEST(Search, EstimatesFromTheCpuWhatTheGeneratorCouldNotReach) {
  const std::vector<Probe> probes{{.rate = 50, .cpu_share = 0.25}, {.rate = 400, .client_limited = true}};
  EXPECT_EQ(saturation_of(probes).rate, 200);
  EXPECT_TRUE(saturation_of(probes).client_limited);
}

TEST(Search, HasNoResultWhenItIsBrokenOff) {
  const SimulatedServer server{.capacity = 240};
  const auto stopped_after = [&](unsigned count) {
    return search(SearchPlan{}, [&](double rate, unsigned index) {
      return index < count ? std::optional(server.probe(rate)) : std::nullopt;
    });
  };
  EXPECT_EQ(stopped_after(0), std::nullopt);
  EXPECT_EQ(stopped_after(2), std::nullopt);
  EXPECT_NE(stopped_after(100), std::nullopt);
}

TEST(Search, LearntNothingFromNoProbe) { EXPECT_EQ(saturation_of({}).rate, 0); }

TEST(Saturated, IsAServerAtItsCpuLimitOrOneThatLosesSessions) {
  EXPECT_FALSE(saturated({.rate = 1, .unsuccessful = 0.01, .cpu_share = 0.9}));
  EXPECT_TRUE(saturated({.rate = 1, .cpu_share = 0.96}));
  EXPECT_TRUE(saturated({.rate = 1, .unsuccessful = 0.03, .cpu_share = 0.1}));
  EXPECT_FALSE(saturated({.rate = 1, .unsuccessful = 0.5, .client_limited = true}));
  EXPECT_TRUE(saturated({.rate = 1, .cpu_share = 1, .client_limited = true}));
}

}  // namespace
}  // namespace sluice::loadgen::lab
