#include "loadgen/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::loadgen {
namespace {

using Kind = Verdict::Kind;

struct Case {
  const char* name;
  VerdictInput input;
  Kind kind;
  const char* says;
};
class Judged : public testing::TestWithParam<Case> {};
TEST_P(Judged, AsItsFiguresSay) {
  const Verdict verdict = judge(GetParam().input);
  EXPECT_EQ(verdict.kind, GetParam().kind);
  ASSERT_FALSE(verdict.reasons.empty());
  std::string all;
  for (const std::string& reason : verdict.reasons) {
    EXPECT_TRUE(reason.ends_with('.')) << reason;
    all += reason;
  }
  EXPECT_THAT(all, testing::HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    All, Judged,
    testing::Values(
        Case{"OwnCpu", {.own_cpu = 0.86}, Kind::client_limited, "86 % of a CPU"},
        Case{"OwnCpuAtItsLimit", {.own_cpu = 0.85}, Kind::valid, "85 %"},
        Case{"Lag", {.lag_p99_ms = 10.5}, Kind::client_limited, "10.5 ms"},
        Case{"TooFewArrivals", {.planned = 1000, .started = 980}, Kind::client_limited, "980"},
        Case{"TooManyArrivals", {.planned = 1000, .started = 1020}, Kind::client_limited, "+2.0 %"},
        Case{"OneArrivalAtTheEdge", {.planned = 10, .started = 9}, Kind::valid, "kept up"},
        Case{"ArrivalsWithinOnePercent", {.planned = 1000, .started = 991}, Kind::valid, "kept up"},
        Case{"ClosedLoop", {.planned = 0, .started = 50}, Kind::valid, "kept up"},
        Case{"NoPorts", {.no_ports = 3}, Kind::client_limited, "--source"},
        Case{"NoDescriptors", {.no_descriptors = 3}, Kind::client_limited, "ulimit -n"},
        Case{"ServerIdle", {.server_cpu_share = 0.5}, Kind::server_not_saturated, "50 %"},
        Case{
            "ServerIdleButRefusing", {.unsuccessful = 4, .server_cpu_share = 0.5}, Kind::valid, "4 sessions"},
        Case{"ServerBusy", {.server_cpu_share = 0.9}, Kind::valid, "90 %"},
        Case{"ServerUnknown", {}, Kind::valid, "--metrics"},
        Case{"BothAtTheirLimit", {.own_cpu = 0.99, .server_cpu_share = 0.2}, Kind::client_limited, "99 %"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Judged, WithEveryReasonThatHolds) {
  const Verdict verdict = judge({.own_cpu = 0.9, .lag_p99_ms = 20, .no_ports = 1});
  EXPECT_EQ(verdict.reasons.size(), 3u);
  EXPECT_EQ(verdict.own_cpu, 0.9);
  EXPECT_EQ(verdict.lag_p99_ms, 20);
}

}  // namespace
}  // namespace sluice::loadgen
