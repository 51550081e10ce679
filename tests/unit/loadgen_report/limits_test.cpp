#include "loadgen/limits.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/error.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// 100 sessions: 60 completed, 20 refused, 10 abandoned, 10 unfinished; 10 s.
Result small_run() {
  Result result;
  result.window_s = 10;
  SessionTally& sessions = result.window.sessions;
  sessions.started = 100;
  sessions.admitted = 80;
  sessions.completed = 50;
  sessions.refused[at(Cause::http_503)] = 20;
  result.tail.sessions.completed = 10;
  result.tail.sessions.abandoned[at(Step::body)][at(Cause::timeout)] = 10;
  RequestTally& requests = result.window.requests;
  requests.replies = 900;
  requests.ok = 850;
  requests.client_errors = 10;
  requests.server_errors = 15;
  requests.busy = 25;
  requests.failed = 100;
  requests.goodput = 500;
  result.window.connections.handshakes_full = 70;
  result.window.connections.handshakes_resumed = 30;
  result.window.connections.resumption[1].offered[at(Offer::none)] = 60;
  result.window.connections.resumption[1].offered[at(Offer::psk)] = 40;
  result.window.connections.resumption[1].accepted[at(Offer::psk)] = 30;
  result.window.latency[at(Phase::complete)].record(10ms, 99);
  result.window.latency[at(Phase::complete)].record(2s);
  return result;
}

struct Case {
  const char* text;
  double actual;
  bool ok;
};
class Limits : public testing::TestWithParam<Case> {};
TEST_P(Limits, CompareAFigureOfTheRun) {
  const LimitOutcome outcome = evaluate(parse_limit(GetParam().text), small_run());
  EXPECT_EQ(outcome.text, GetParam().text);
  EXPECT_NEAR(outcome.actual, GetParam().actual, 0.02 * GetParam().actual);
  EXPECT_EQ(outcome.ok, GetParam().ok);
}
INSTANTIATE_TEST_SUITE_P(
    All, Limits,
    testing::Values(Case{"session_ok>=0.6", 60.0 / 90, true}, Case{"session_ok >= 95%", 60.0 / 90, false},
                    Case{"completed_per_s>5", 5, false}, Case{"completed_per_s>=5", 5, true},
                    Case{"started_per_s<10.1", 10, true}, Case{"refused<=0.2", 0.2, true},
                    Case{"refused<0.2", 0.2, false}, Case{"refused<=0", 0.2, false},
                    Case{"abandoned<=0.15", 10.0 / 70, true}, Case{"replies_per_s>=90", 90, true},
                    Case{"goodput_per_s>60", 50, false}, Case{"errors<=15%", 0.15, true},
                    Case{"busy<1%", 0.025, false}, Case{"handshakes_per_s>=10", 10, true},
                    Case{"resumed_accepted>0.7", 0.75, true}, Case{"p50(complete)<11ms", 0.01, true},
                    Case{"p99.9(response)<1.9s", 2, false}, Case{"p99.9<2.1", 2, true},
                    Case{"max( complete )<=2s", 2, true}, Case{"mean(complete) < 29ms", 0.0299, false}));

TEST(Limits, OfSharesStayWithinOneWhereMostEndedBeganInTheWarmUp) {
  Result result;
  SessionTally& sessions = result.window.sessions;
  sessions.started = 10;
  sessions.admitted = 1;
  sessions.refused[at(Cause::timeout)] = 30;
  sessions.abandoned[at(Step::body)][at(Cause::timeout)] = 4;
  EXPECT_DOUBLE_EQ(evaluate(parse_limit("refused<0.5"), result).actual, 30.0 / 31);
  EXPECT_DOUBLE_EQ(evaluate(parse_limit("abandoned<0.5"), result).actual, 1);
}

TEST(Limits, AreMissedByAFigureThatHasNoValue) {
  for (const char* text : {"p99(resumed)<10s", "session_ok>=0", "refused<=1", "replies_per_s>=0"}) {
    const LimitOutcome outcome = evaluate(parse_limit(text), Result{});
    EXPECT_FALSE(outcome.ok) << text;
    EXPECT_TRUE(std::isnan(outcome.actual)) << text;
  }
}

struct BadCase {
  const char* text;
  const char* says;
};
class BadLimits : public testing::TestWithParam<BadCase> {};
TEST_P(BadLimits, AreRefusedWithASentence) {
  try {
    parse_limit(GetParam().text);
    FAIL() << GetParam().text;
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().text));
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, BadLimits,
    testing::Values(BadCase{"session_ok", "one of <"}, BadCase{"", "one of <"},
                    BadCase{"sessions>1", "there are session_ok"},
                    BadCase{"session_ok>=lots", "not a number"}, BadCase{"session_ok>=95", "0 to 1"},
                    BadCase{"session_ok>=nan", "not a number"},
                    BadCase{"replies_per_s>90%", "rate per second"}, BadCase{"p99(dns)<1s", "connect, full"},
                    BadCase{"p99(complete<1s", "\")\""}, BadCase{"p99<fast", "250ms"},
                    BadCase{"p0<1s", "there are"}, BadCase{"p100<1s", "there are"},
                    BadCase{"refused(complete)<1", "there are"}, BadCase{"refused==1", "one of <"}));

TEST(MetricHelp, NamesEveryMetric) {
  for (const Metric& metric : metrics())
    EXPECT_THAT(metric_help(), HasSubstr(std::string{metric.name} + " "));
}

}  // namespace
}  // namespace sluice::loadgen
