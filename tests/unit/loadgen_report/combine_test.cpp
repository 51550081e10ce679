#include "loadgen/report/combine.hpp"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/error.hpp"
#include "tests/unit/loadgen_report/sample.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

TEST(Merge, AddsUpWhatTwoGeneratorsDid) {
  const Result a = sample_sessions(60, 0), b = sample_sessions(60, 1);
  const Result both = merge({a, b});
  EXPECT_EQ(both.window.sessions.started, a.window.sessions.started + b.window.sessions.started);
  EXPECT_EQ(both.whole().requests.sent, a.whole().requests.sent + b.whole().requests.sent);
  EXPECT_EQ(both.window.latency[at(Phase::complete)].count(),
            2 * a.window.latency[at(Phase::complete)].count());
  EXPECT_EQ(both.window_s, a.window_s);
  EXPECT_EQ(both.setup.generators, 2u);
  EXPECT_EQ(both.setup.threads, 2u);
  EXPECT_DOUBLE_EQ(both.setup.offered_per_s, a.setup.offered_per_s + b.setup.offered_per_s);
  EXPECT_EQ(both.setup.load, a.setup.load);
  EXPECT_EQ(both.server.points.size(), a.server.points.size());
}

TEST(Merge, LaysSecondsOverEachOther) {
  Result a = sample_sessions(10), b = sample_sessions(12);
  b.setup.duration_s = a.setup.duration_s, b.window_s = a.window_s;
  b.series[3].t = 3.4;  // the clocks of two machines
  a.series[3].replies = 100, a.series[3].mean_ms = 10, a.series[3].p99_ms = 70;
  b.series[3].replies = 300, b.series[3].mean_ms = 20, b.series[3].p99_ms = 50;
  const Result both = merge({a, b});
  ASSERT_EQ(both.series.size(), 12u);
  const TimeBin& bin = both.series[3];
  EXPECT_EQ(bin.t, 3);
  EXPECT_EQ(bin.started, a.series[3].started + b.series[3].started);
  EXPECT_EQ(bin.live_sessions, a.series[3].live_sessions + b.series[3].live_sessions);
  EXPECT_DOUBLE_EQ(bin.mean_ms, 17.5);
  EXPECT_EQ(bin.p99_ms, 70);
  EXPECT_EQ(both.series[11].started, b.series[11].started);
}

TEST(Merge, TakesTheWorstVerdictAndJudgesLimitsAgain) {
  Result a = sample_sessions(), b = sample_sessions();
  b.verdict = {Verdict::Kind::client_limited, {"The CPU was full."}, 0.99, 40};
  a.limits = {{"started_per_s>=100", 54.3, false}};
  b.limits = {{"started_per_s>=100", 54.3, false}, {"refused<=0", 0.2, false}};
  const Result both = merge({a, b});
  EXPECT_EQ(both.verdict.kind, Verdict::Kind::client_limited);
  EXPECT_THAT(both.verdict.reasons, testing::ElementsAre("Generator 2: The CPU was full."));
  EXPECT_EQ(both.verdict.own_cpu, 0.99);
  EXPECT_EQ(both.verdict.lag_p99_ms, 40);
  ASSERT_EQ(both.limits.size(), 2u);
  EXPECT_TRUE(both.limits[0].ok);
  EXPECT_FALSE(both.limits[1].ok);
}

struct MisfitCase {
  const char* name;
  void (*spoil)(Setup&);
  const char* says;
};
class Misfits : public testing::TestWithParam<MisfitCase> {};
TEST_P(Misfits, AreNotMerged) {
  Result other = sample_sessions();
  GetParam().spoil(other.setup);
  try {
    merge({sample_sessions(), other});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
  }
}
INSTANTIATE_TEST_SUITE_P(All, Misfits,
                         testing::Values(MisfitCase{"Mode", [](Setup& s) { s.mode = "requests"; }, "mode"},
                                         MisfitCase{"Target", [](Setup& s) { s.target = "https://x"; },
                                                    "https://x"},
                                         MisfitCase{"States", [](Setup& s) { s.states.pop_back(); }, "model"},
                                         MisfitCase{"Duration", [](Setup& s) { s.duration_s = 61; }, "61"},
                                         MisfitCase{"WarmUp", [](Setup& s) { s.warmup_s = 6; }, "warm-up"}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Merge, JoinsTextsThatDifferAndSaysEachOnce) {
  Result a = sample_sessions(), b = sample_sessions(), c = sample_sessions();
  b.setup.tls = c.setup.tls = "1.2";
  b.setup.think = "exp:1s";
  b.setup.retry = "curl", c.setup.retry = "";
  const auto all = merge({a, b, c}).setup;
  EXPECT_EQ(all.tls, "1.3, X25519 + 1.2");
  EXPECT_EQ(all.think, "exp:7s,max=70s + exp:1s");
  EXPECT_EQ(all.retry, "browser + curl");
  EXPECT_EQ(all.resume, "per-user");
}

struct ClockCase {
  const char* name;
  const char* other;  ///< The first began at 2025-01-02T03:04:05Z and took a minute.
  bool merged;
};
class Clocks : public testing::TestWithParam<ClockCase> {};
TEST_P(Clocks, TellWhetherRunsWereOfTheSameTime) {
  Result other = sample_sessions();
  other.setup.started_at = GetParam().other;
  for (const auto& both : {std::vector{sample_sessions(), other}, {other, sample_sessions()}}) {
    if (GetParam().merged)
      EXPECT_NO_THROW(merge(both));
    else
      EXPECT_THROW(merge(both), UsageError);
  }
}
INSTANTIATE_TEST_SUITE_P(All, Clocks,
                         testing::Values(ClockCase{"OneALittleLater", "2025-01-02T03:05:04Z", true},
                                         ClockCase{"OneWhenTheOtherWasOver", "2025-01-02T03:05:05Z", false},
                                         ClockCase{"OneOfTheYearBefore", "2024-01-02T03:04:05Z", false},
                                         ClockCase{"OneThatIsNotKnown", "", true},
                                         ClockCase{"OneThatIsNonsense", "yesterday", true}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Merge, RefusesARunThatWasStoppedEarly) {
  Result other = sample_sessions();
  other.window_s -= 1;
  EXPECT_NO_THROW(merge({sample_sessions(), other}));
  other.window_s -= 0.5;
  EXPECT_THROW(merge({sample_sessions(), other}), UsageError);
}

TEST(Merge, NeedsSomething) { EXPECT_THROW(merge({}), UsageError); }

/// A run of `replies_per_s` in a window of one second.
Result run_of(std::uint64_t replies_per_s, std::uint64_t seed) {
  Result result;
  result.setup.mode = "requests";
  result.setup.seed = seed;
  result.window_s = 1;
  result.window.requests.replies = result.window.requests.ok = replies_per_s;
  return result;
}

Difference replies(const std::vector<Difference>& differences) {
  const auto found = std::ranges::find(differences, "replies/s", &Difference::metric);
  return found == differences.end() ? Difference{} : *found;
}

// Welch's t-test by hand: means 20 and 26, variances 4 and 16, n = 3: error sqrt(20/3) = 2.582, degrees of
// freedom (20/3)^2 / ((4/3)^2/2 + (16/3)^2/2) = 2.9412, t = 3.2180 (between t(2) = 4.303 and t(3) = 3.182).
TEST(Compare, GivesWelchsInterval) {
  const auto difference = replies(
      compare({run_of(18, 1), run_of(20, 2), run_of(22, 3)}, {run_of(22, 4), run_of(26, 5), run_of(30, 6)}));
  EXPECT_DOUBLE_EQ(difference.a, 20);
  EXPECT_DOUBLE_EQ(difference.b, 26);
  EXPECT_DOUBLE_EQ(difference.change, 6);
  EXPECT_NEAR(difference.high - difference.change, 2.582 * 3.218, 0.01);
  EXPECT_NEAR(difference.change - difference.low, 2.582 * 3.218, 0.01);
  EXPECT_TRUE(difference.higher_is_better);
}

// The differences are 4, 6, 8: mean 6, deviation 2, error 2/sqrt(3), t(2) = 4.3027.
TEST(Compare, PairsRunsOfTheSameSeeds) {
  const auto difference = replies(
      compare({run_of(18, 1), run_of(20, 2), run_of(22, 3)}, {run_of(22, 1), run_of(26, 2), run_of(30, 3)}));
  EXPECT_NEAR(difference.high - difference.change, 2 / std::sqrt(3) * 4.3027, 0.001);
}

TEST(Compare, HasNoIntervalForASingleRun) {
  const auto difference = replies(compare({run_of(18, 1)}, {run_of(22, 1), run_of(24, 2)}));
  EXPECT_DOUBLE_EQ(difference.change, 5);
  EXPECT_TRUE(std::isnan(difference.low));
  EXPECT_TRUE(std::isnan(difference.high));
}

TEST(Compare, IsCertainWhenNothingVaries) {
  const auto difference = replies(compare({run_of(18, 1), run_of(18, 2)}, {run_of(20, 3), run_of(20, 4)}));
  EXPECT_DOUBLE_EQ(difference.low, 2);
  EXPECT_DOUBLE_EQ(difference.high, 2);
}

TEST(Compare, LeavesOutWhatARunLacksOrWhatNeverHappened) {
  const auto differences = compare({run_of(1, 1)}, {run_of(1, 1)});
  for (const Difference& difference : differences) {
    EXPECT_THAT(difference.metric, Not(HasSubstr("session")));
    EXPECT_THAT(difference.metric, Not(HasSubstr("ms")));
  }
  EXPECT_EQ(differences.size(), 1u);
}

TEST(Compare, RefusesWhatCannotBeCompared) {
  EXPECT_THROW(compare({}, {run_of(1, 1)}), UsageError);
  EXPECT_THROW(compare({sample_handshakes()}, {run_of(1, 1)}), UsageError);
}

TEST(ComparisonTable, SaysWhatTheIntervalMeans) {
  const double nan = std::nan("");
  const std::string table = comparison_table({{"goodput/s", 100, 120, 20, 12, 28, true},
                                              {"p99 complete ms", 50, 60, 10, 2, 18, false},
                                              {"errors (share)", 0.1, 0.09, -0.01, -0.05, 0.03, false},
                                              {"replies/s", 0, 9, 9, nan, nan, true}},
                                             "before", "a very long name\x1b");
  EXPECT_THAT(table, testing::ContainsRegex(
                         "goodput/s +100 +120 +\\+20 +\\+20\\.0 % +\\+12 \\.\\.\\. \\+28  better\n"));
  EXPECT_THAT(table, testing::ContainsRegex("p99 complete ms .*worse\n"));
  EXPECT_THAT(table, testing::ContainsRegex("errors .*-0\\.05 \\.\\.\\. \\+0\\.03  no clear difference\n"));
  EXPECT_THAT(table, testing::ContainsRegex("replies/s .* -  +one run only\n"));
  EXPECT_THAT(table, HasSubstr("a very long…"));
}

TEST(ComparisonCaveats, NameWhatDiffers) {
  EXPECT_THAT(comparison_caveats({sample_sessions()}, {sample_sessions()}), testing::IsEmpty());
  Result other = sample_sessions();
  other.setup.resume = "never";
  other.verdict.kind = Verdict::Kind::client_limited;
  const auto caveats = comparison_caveats({sample_sessions()}, {sample_sessions(), other});
  EXPECT_THAT(caveats, testing::ElementsAre(HasSubstr("1 of 2 runs of B was CLIENT-LIMITED"),
                                            HasSubstr("resumption differs: \"per-user\" and \"never\"")));
  EXPECT_THAT(comparison_caveats({sample_sessions()}, {other}),
              testing::Contains(HasSubstr("resumption differs: \"per-user\" and \"never\"")));
}

struct DifferenceCase {
  const char* name;
  void (*change)(Setup&);
  const char* says;
};
class DifferingSetups : public testing::TestWithParam<DifferenceCase> {};
TEST_P(DifferingSetups, AreNamedOnceWhereverTheyAre) {
  Result other = sample_sessions();
  GetParam().change(other.setup);
  const Result same = sample_sessions();
  for (const auto& [a, b] : {std::pair{std::vector{same, other}, std::vector{same, same}},
                             {std::vector{same, same}, std::vector{same, other}},
                             {std::vector{same, other}, std::vector{other, other}}})
    EXPECT_THAT(comparison_caveats(a, b), testing::ElementsAre(HasSubstr(GetParam().says)));
}
INSTANTIATE_TEST_SUITE_P(
    All, DifferingSetups,
    testing::Values(DifferenceCase{"Target", [](Setup& s) { s.target = "https://x"; }, "target differs"},
                    DifferenceCase{"Load", [](Setup& s) { s.load = "1/s"; }, "load differs"},
                    DifferenceCase{"Timeout", [](Setup& s) { s.timeout_s = 3; }, "\"10 s\" and \"3 s\""},
                    DifferenceCase{"Duration", [](Setup& s) { s.duration_s = 61; }, "duration differs"},
                    DifferenceCase{"WarmUp", [](Setup& s) { s.warmup_s = 0; }, "warm-up differs"},
                    DifferenceCase{"Retry", [](Setup& s) { s.retry = "none"; }, "retry differs"},
                    DifferenceCase{"Threads", [](Setup& s) { s.threads = 2; }, "\"1\" and \"2\""}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace sluice::loadgen
