#include "tools/replay_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::tools {
namespace {

using testing::HasSubstr;
using testing::Property;

TEST(ReplayOptions, ChangeWhatThePresetSays) {
  SimulateWords words;
  words.preset = "paper2005";
  words.load = "2";
  words.think = "const:3s";
  words.cpu_counts = {"1@150s"};
  words.policy.budget = {"utilization=0.8"};
  const Scenario scenario = scenario_from(words);
  EXPECT_DOUBLE_EQ(scenario.costs.full_s, 0.175);
  EXPECT_DOUBLE_EQ(scenario.visitors.think.mean_s, 3);
  EXPECT_DOUBLE_EQ(scenario.cpus_at(200), 1);
  EXPECT_DOUBLE_EQ(scenario.admission.budget.utilization, 0.8);
  EXPECT_DOUBLE_EQ(scenario.profile.rate_at(0), 2 * scenario.capacity(4));
}

TEST(ReplayOptions, LetAProfileSayHowLongItTakes) {
  SimulateWords words;
  words.profile = "step 1x/30s, step 10x/20s";
  const Scenario scenario = scenario_from(words);
  EXPECT_DOUBLE_EQ(scenario.duration_s, 50);
  EXPECT_DOUBLE_EQ(scenario.warmup_s, 0);
}

struct WrongCase {
  const char* name;
  std::string SimulateWords::*word;
  const char* value;
  const char* sentence;
};
class WrongOption : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongOption, IsQuotedInASentence) {
  SimulateWords words;
  words.load = "1";
  words.*GetParam().word = GetParam().value;
  EXPECT_THAT([&] { scenario_from(words); },
              testing::Throws<UsageError>(Property(&UsageError::what, HasSubstr(GetParam().sentence))));
}
INSTANTIATE_TEST_SUITE_P(
    Simulate, WrongOption,
    testing::Values(WrongCase{"Preset", &SimulateWords::preset, "tomorrow", "--preset 'tomorrow'"},
                    WrongCase{"Cpus", &SimulateWords::cpus, "two", "--cpus 'two'"},
                    WrongCase{"NoCpus", &SimulateWords::cpus, "0", "CPUs"},
                    WrongCase{"Backlog", &SimulateWords::backlog, "1.5", "--backlog '1.5'"},
                    WrongCase{"Retry", &SimulateWords::retry, "curl", "--retry 'curl'"},
                    WrongCase{"Order", &SimulateWords::sessions_first, "1", "--sessions-first '1'"},
                    WrongCase{"Twice", &SimulateWords::rate, "10", "one of --rate, --load and --profile"},
                    WrongCase{"Warmup", &SimulateWords::warmup, "500s", "warm-up"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ClusterOptions, BeginWithWhatWasMeasured) {
  const ClusterScenario cluster = cluster_scenario_from({});
  EXPECT_EQ(cluster.members, 3U);
  EXPECT_DOUBLE_EQ(cluster.each.machine.cpus, 0.15);
  EXPECT_DOUBLE_EQ(cluster.relay_s, 0.5e-3);
  EXPECT_DOUBLE_EQ(cluster.each.profile.rate_at(0), 0.9 * cluster.capacity());
  EXPECT_EQ(cluster.balancer, Balancer::round_robin);
}

TEST(ClusterOptions, SayWhoIsHotAndWhatBefallsWhom) {
  ClusterWords words;
  words.members = "16";
  words.skew = "0.8";
  words.each.profile = "step 1x/30s, step 2x/30s";
  words.kills = {"3@10s"};
  words.partitions = {"16@20s"};
  const ClusterScenario cluster = cluster_scenario_from(words);
  EXPECT_EQ(cluster.hot, 6U);
  EXPECT_DOUBLE_EQ(cluster.each.profile.rate_at(40), 2 * cluster.capacity());
  ASSERT_EQ(cluster.faults.size(), 2U);
  EXPECT_EQ(cluster.faults[0].member, 2U);
  EXPECT_EQ(cluster.faults[1].kind, Fault::Kind::partition);
}

struct WrongClusterCase {
  const char* name;
  std::string ClusterWords::*word;
  const char* value;
  const char* sentence;
};
class WrongClusterOption : public testing::TestWithParam<WrongClusterCase> {};

TEST_P(WrongClusterOption, IsQuotedInASentence) {
  ClusterWords words;
  words.*GetParam().word = GetParam().value;
  EXPECT_THAT([&] { cluster_scenario_from(words); },
              testing::Throws<UsageError>(Property(&UsageError::what, HasSubstr(GetParam().sentence))));
}
INSTANTIATE_TEST_SUITE_P(
    Cluster, WrongClusterOption,
    testing::Values(WrongClusterCase{"Members", &ClusterWords::members, "many", "--members 'many'"},
                    WrongClusterCase{"Nobody", &ClusterWords::members, "0", "1 to 512 members"},
                    WrongClusterCase{"TooMany", &ClusterWords::members, "513", "1 to 512 members"},
                    WrongClusterCase{"Balancer", &ClusterWords::balancer, "random", "--balancer 'random'"},
                    WrongClusterCase{"Skew", &ClusterWords::skew, "80%", "--skew '80%'"},
                    WrongClusterCase{"SkewAbove1", &ClusterWords::skew, "80", "--skew is a share"},
                    WrongClusterCase{"HotAlone", &ClusterWords::hot, "2", "--hot says"},
                    WrongClusterCase{"Relay", &ClusterWords::relay, "dear", "--relay 'dear'"},
                    WrongClusterCase{"Loss", &ClusterWords::loss, "1", "--loss is a share"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ClusterOptions, RefuseFaultsOfNobody) {
  for (const char* text : {"4@10s", "0@10s", "1.5@10s", "1", "x@10s"}) {
    ClusterWords words;
    words.kills = {text};
    EXPECT_THROW(cluster_scenario_from(words), UsageError) << text;
  }
}

TEST(PolicyOptions, AreRefusedWhenUnknown) {
  EXPECT_THROW(settings_from({.policy = "magic"}), UsageError);
  EXPECT_THROW(settings_from({.paper_cost = "all"}), UsageError);
  EXPECT_THROW(settings_from({.budget = {"utilization"}}), UsageError);
  EXPECT_THROW(settings_from({.budget = {"utilization=0"}}), UsageError);
  EXPECT_THROW(settings_from({.budget = {"speed=1"}}), UsageError);
}

}  // namespace
}  // namespace sluice::tools
