#include "loadgen/retry.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;
using Seconds = std::optional<std::chrono::seconds>;

/// The waits of a client that is refused in the same way for ever, in milliseconds.
std::vector<long> waits(Retry model, Cause cause, Seconds retry_after = {}, Seconds refresh = {}) {
  Random random{1};
  std::vector<long> result;
  Refusal refusal{.cause = cause, .tries = 1, .retry_after = retry_after, .refresh = refresh};
  for (; refusal.tries < 100; ++refusal.tries) {
    const auto wait = next_try(model, refusal, random);
    if (!wait) break;
    result.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(*wait).count());
  }
  return result;
}

using Waits = std::vector<long>;

struct RetryCase {
  const char* name;
  Retry model;
  Cause cause;
  Seconds retry_after, refresh;
  Waits expected;
};
class RetryModel : public testing::TestWithParam<RetryCase> {};

TEST_P(RetryModel, ComesBackAsMeasured) {
  const auto& test = GetParam();
  EXPECT_EQ(waits(test.model, test.cause, test.retry_after, test.refresh), test.expected);
}

const Waits kBrowserReset{0, 1000, 0, 5000, 0, 30'000, 0, 60'000, 0};

INSTANTIATE_TEST_SUITE_P(
    Retry, RetryModel,
    testing::Values(
        RetryCase{"NobodyAfterReset", Retry::none, Cause::rst, {}, {}, {}},
        RetryCase{"NobodyAfter503", Retry::none, Cause::http_503, 1s, 1s, {}},
        RetryCase{"CurlGivesUpOnReset", Retry::curl, Cause::rst, {}, {}, {}},
        RetryCase{"CurlGivesUpOnAlert", Retry::curl, Cause::alert, {}, {}, {}},
        RetryCase{"CurlBacksOffAfter503", Retry::curl, Cause::http_503, {}, 9s, {1000, 2000}},
        RetryCase{"CurlObeysRetryAfter", Retry::curl, Cause::http_503, 2s, {}, {2000, 2000}},
        RetryCase{"Urllib3ObeysRetryAfter", Retry::urllib3, Cause::http_503, 2s, {}, {2000, 2000}},
        RetryCase{"BrowserReloadsAfterReset", Retry::browser, Cause::rst, {}, {}, kBrowserReset},
        RetryCase{"BrowserReloadsAfterClose", Retry::browser, Cause::fin, {}, {}, kBrowserReset},
        RetryCase{"BrowserReconnectsOnceAfterAlert", Retry::browser, Cause::alert, {}, {}, {0}},
        RetryCase{"BrowserShowsThe503", Retry::browser, Cause::http_503, 2s, {}, {}},
        RetryCase{"BrowserFollowsThePagesRefresh", Retry::browser, Cause::http_503, 2s, 3s, Waits(10, 3000)},
        RetryCase{"BrowserUserLeavesAfterTimeout", Retry::browser, Cause::timeout, {}, 3s, {}},
        RetryCase{"Urllib3GivesUpOnTimeout", Retry::urllib3, Cause::timeout, {}, {}, {}},
        RetryCase{"NoPortsAreNoRefusal", Retry::browser, Cause::no_ports, {}, {}, {}},
        RetryCase{"RetryAfterIsBounded", Retry::curl, Cause::http_503, 999h, {}, {21'600'000, 21'600'000}},
        RetryCase{"RetryAfterIsNotNegative", Retry::curl, Cause::http_503, -5s, {}, {0, 0}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Urllib3, TriesTwiceMoreAtOnceAndAfterAShortBackoff) {
  for (const auto cause : {Cause::rst, Cause::fin, Cause::alert, Cause::http_503}) {
    const auto result = waits(Retry::urllib3, cause);
    ASSERT_EQ(result.size(), 2u);
    EXPECT_EQ(result[0], 0);
    EXPECT_GE(result[1], 200);
    EXPECT_LT(result[1], 300);
  }
}

TEST(Browser, StopsReloadingWhenAnAlertFollowsAReset) {
  Random random{1};
  EXPECT_EQ(
      next_try(Retry::browser, {.cause = Cause::alert, .tries = 3, .retry_after = {}, .refresh = {}}, random),
      0s);
  EXPECT_FALSE(next_try(Retry::browser, {.cause = Cause::alert, .tries = 4, .retry_after = {}, .refresh = {}},
                        random));
}

TEST(RetryNames, GoThereAndBack) {
  for (const auto retry : {Retry::none, Retry::browser, Retry::curl, Retry::urllib3})
    EXPECT_EQ(parse_retry(name_of(retry)), retry);
  for (const char* name : {"", "None", "wget", "curl "}) EXPECT_FALSE(parse_retry(name)) << name;
}

}  // namespace
}  // namespace sluice::loadgen
