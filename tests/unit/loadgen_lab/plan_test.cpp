#include "loadgen/lab/plan.hpp"

#include <algorithm>

#include <gmock/gmock.h>

#include "loadgen/error.hpp"

namespace sluice::loadgen::lab {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

LabOptions options_for(const std::string& experiment, LabSize size = LabSize::quick) {
  LabOptions options;
  options.experiment = experiment;
  options.size = size;
  return options;
}

std::vector<std::size_t> variants_in_order(const std::vector<Point>& points) {
  std::vector<std::size_t> variants;
  for (const Point& point : points) variants.push_back(point.variant);
  return variants;
}

LabOptions two_policies() {
  LabOptions options = options_for("saturation");
  options.policies = {"off", "paper"};
  options.processors = {0.5};
  options.multiples = {1};
  return options;
}

TEST(PapersCosts, AreTheDefaultOfThePapersFigures) {
  const LabOptions options = with_the_papers_costs(options_for("saturation"));
  EXPECT_THAT(options.certificates, ElementsAre("rsa4096"));
  EXPECT_EQ(options.tls, "1.2");
  EXPECT_EQ(options.resume, "session-id");
  EXPECT_THAT(make_plan(options, 2).conditions.costs, HasSubstr("hundred times"));
}

TEST(PapersCosts, GiveWayToWhatIsAsked) {
  LabOptions options = options_for("step");
  options.certificates = {"ecdsa"};
  const LabOptions kept = with_the_papers_costs(options);
  EXPECT_THAT(kept.certificates, ElementsAre("ecdsa"));
  EXPECT_EQ(kept.tls, "");
  EXPECT_EQ(make_plan(kept, 2).conditions.costs, "");
}

TEST(PapersCosts, AreNotThoseOfOtherExperiments) {
  EXPECT_TRUE(with_the_papers_costs(options_for("attacks")).certificates.empty());
}

TEST(Order, AlternatesABBAOverTheRepeats) {
  LabOptions options = two_policies();
  options.repeats = 4;
  EXPECT_THAT(variants_in_order(order_of(make_plan(options, 2), 1)), ElementsAre(0, 1, 1, 0, 0, 1, 1, 0));
}

TEST(Order, AlternatesABBAOverTheLoadsOfASingleRepeat) {
  LabOptions options = two_policies();
  options.multiples = {0.5, 1, 2, 4};
  EXPECT_THAT(variants_in_order(order_of(make_plan(options, 2), 1)), ElementsAre(0, 1, 1, 0, 0, 1, 1, 0));
}

TEST(Order, TurnsAroundAtEachLoadFromRepeatToRepeat) {
  LabOptions options = two_policies();
  options.multiples = {1, 2};  // an even number of loads must not make every repeat alike
  options.repeats = 2;
  EXPECT_THAT(variants_in_order(order_of(make_plan(options, 2), 1)), ElementsAre(0, 1, 1, 0, 1, 0, 0, 1));
}

TEST(Order, GivesAllVariantsOfALoadAndRepeatTheSameArrivals) {
  LabOptions options = two_policies();
  options.multiples = {1, 2};
  options.repeats = 2;
  const auto points = order_of(make_plan(options, 2), 10);
  std::vector<std::uint64_t> seeds;
  for (const Point& point : points) seeds.push_back(point.seed);
  EXPECT_THAT(seeds, ElementsAre(10, 10, 11, 11, 12, 12, 13, 13));
}

TEST(Plan, ComparesEachPolicyWithEachNumberOfProcessors) {
  LabOptions options = two_policies();
  options.processors = {0.5, 1};
  const Plan plan = make_plan(options, 2);
  std::vector<std::string> names;
  for (const Variant& variant : plan.variants) names.push_back(variant.name);
  EXPECT_THAT(names, ElementsAre("off, 0.5 CPU", "paper, 0.5 CPU", "off, 1 CPU", "paper, 1 CPU"));
  EXPECT_EQ(capacities_of(plan).size(), 2U);
}

TEST(Plan, TakesThePapersProcessorsWhereTheMachineHasThem) {
  const auto processors = [](unsigned cpus) {
    std::vector<double> all;
    for (const auto& variant : make_plan(options_for("saturation", LabSize::normal), cpus).variants)
      all.push_back(variant.processors);
    return all;
  };
  EXPECT_THAT(processors(2), ElementsAre(0.25, 0.5, 1));
  EXPECT_THAT(processors(4), ElementsAre(0.5, 1, 2));
  EXPECT_THAT(processors(8), ElementsAre(1, 2, 4));
}

TEST(Plan, ScalesTheKeepAliveTimeoutWithTheThinkTimeAndSaysSo) {
  const Plan quick = make_plan(options_for("saturation"), 2);
  EXPECT_NEAR(quick.conditions.keepalive_s, 0.286, 0.001);
  EXPECT_THAT(quick.conditions.scaling, HasSubstr("286ms instead of 10 s"));
  const Plan full = make_plan(options_for("saturation", LabSize::full), 2);
  EXPECT_EQ(full.conditions.keepalive_s, 10);
  EXPECT_EQ(full.conditions.timeout_s, 10);
  EXPECT_EQ(full.conditions.think, "exp:7s");
  EXPECT_EQ(full.conditions.session_length, "geom:15");
  EXPECT_THAT(full.conditions.scaling, HasSubstr("Times are the paper's; sessions make 15 requests"));
}

struct SteadyCase {
  const char* name;
  LabSize size;
  double session_s;  ///< Mean think time by mean number of requests.
  double sessions;   ///< Warm-up of a point, in sessions.
};

class Steady : public testing::TestWithParam<SteadyCase> {};

TEST_P(Steady, IsTheLoadBeforeAnythingIsMeasured) {
  const Conditions c = make_plan(options_for("saturation", GetParam().size), 2).conditions;
  EXPECT_GE(c.probe_warmup_s, 2 * GetParam().session_s);
  EXPECT_GE(c.warmup_s, GetParam().sessions * GetParam().session_s);
}

INSTANTIATE_TEST_SUITE_P(Lab, Steady,
                         testing::Values(SteadyCase{"Quick", LabSize::quick, 0.2 * 5, 3},
                                         SteadyCase{"Normal", LabSize::normal, 0.7 * 15, 3},
                                         SteadyCase{"Full", LabSize::full, 7.0 * 15, 2}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Plan, VariesTheKeepAliveTimeoutInThePapersProportions) {
  std::vector<double> timeouts;
  for (const auto& variant : make_plan(options_for("keepalive", LabSize::full), 2).variants)
    timeouts.push_back(variant.keepalive_s);
  EXPECT_THAT(timeouts, ElementsAre(5, 10, 75));
}

TEST(Plan, SetsEachKindOfAttackBesideAQuietBaseline) {
  const Plan plan = make_plan(options_for("attacks"), 2);
  ASSERT_EQ(plan.variants.size(), 8U);
  EXPECT_EQ(plan.variants[0].attack, "");
  EXPECT_EQ(plan.variants[1].attack, "random-session-id:1000/s");
  EXPECT_EQ(plan.variants[6].attack, "silent-after-hello:200/s");
  EXPECT_EQ(capacities_of(plan).size(), 1U);
}

TEST(Plan, GivesAttackersANetworkOfTheirOwn) {
  EXPECT_THAT(attack_sources(), Each(StartsWith("127.66.6.")));
  EXPECT_GT(attack_sources().size(), 1U);
}

TEST(Plan, MakesAFlashCrowdOfTenTimesTheSaturationRate) {
  LabOptions options = options_for("step");
  options.duration_s = 20;
  options.warmup_s = 5;
  EXPECT_EQ(profile_text(make_plan(options, 2), 0.5, 100), "step 50/25s, step 1000/20s, step 50/20s");
  options.experiment = "ramp";
  EXPECT_EQ(profile_text(make_plan(options, 2), 0.1, 100), "ramp 10..1000/105s");
}

TEST(Plan, TellsTheServerWhatAVariantMeans) {
  EXPECT_THAT(server_settings({.policy = "paper", .processors = 1.5, .keepalive_s = 0.714}),
              ElementsAre("admission.policy=paper", "server.processors=2", "server.keepalive_timeout=714ms"));
}

TEST(Plan, LooksForNoSaturationWhereHandshakesAreMeasured) {
  const Plan plan = make_plan(options_for("resumption"), 2);
  EXPECT_FALSE(plan.needs_saturation());
  EXPECT_EQ(plan.variants.size(), 2U);  // ecdsa, rsa2048
  EXPECT_THAT(plan.xs, ElementsAre(0, 0.5, 1));
}

class Experiments : public testing::TestWithParam<Experiment> {};

TEST_P(Experiments, TakeLessThanThreeMinutesWhenQuick) {
  const Plan plan = make_plan(options_for(std::string(GetParam().name)), 2);
  EXPECT_LT(expected_total_s(plan, true), 180);
  const Plan full = make_plan(options_for(std::string(GetParam().name), LabSize::full), 2);
  EXPECT_GT(expected_total_s(full, true), expected_total_s(plan, true));
}

INSTANTIATE_TEST_SUITE_P(Lab, Experiments, testing::ValuesIn(experiments().begin(), experiments().end()),
                         [](const auto& test) { return std::string(test.param.name); });

struct WrongCase {
  const char* name;
  void (*change)(LabOptions&);
  const char* sentence;
};

class Wrong : public testing::TestWithParam<WrongCase> {};

TEST_P(Wrong, IsSaidInASentence) {
  LabOptions options = options_for("saturation");
  GetParam().change(options);
  try {
    make_plan(options, 2);
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().sentence));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Lab, Wrong,
    testing::Values(
        WrongCase{"UnknownExperiment", [](LabOptions& o) { o.experiment = "nap"; },
                  "no experiment \"nap\"; there are"},
        WrongCase{"MoreProcessorsThanCpus", [](LabOptions& o) { o.processors = {4}; }, "--processors 4"},
        WrongCase{"NoProcessors", [](LabOptions& o) { o.processors = {0}; }, "--processors 0"},
        WrongCase{"UnknownCertificate", [](LabOptions& o) { o.certificates = {"dsa"}; }, "\"dsa\""},
        WrongCase{"PolicyTwice",
                  [](LabOptions& o) {
                    o.policies = {"off", "off"};
                  },
                  "asked for twice"},
        WrongCase{"NoLoad", [](LabOptions& o) { o.multiples = {0}; }, "--multiples"},
        WrongCase{"SeveralLoadsOfAStep",
                  [](LabOptions& o) {
                    o.experiment = "step", o.multiples = {0.5, 1};
                  },
                  "--multiples of step is a single one"},
        WrongCase{"SeveralLoadsOfAttacks",
                  [](LabOptions& o) {
                    o.experiment = "attacks", o.multiples = {0.5, 1};
                  },
                  "--multiples of attacks is a single one"},
        WrongCase{"NoDuration", [](LabOptions& o) { o.duration_s = 0; }, "--duration"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace sluice::loadgen::lab
