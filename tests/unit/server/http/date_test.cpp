#include "server/http/date.hpp"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

/// The example of RFC 9110 section 5.6.7.
constexpr WallSeconds kExample = sys_days{1994y / November / 6} + 8h + 49min + 37s;
constexpr WallSeconds kNow = sys_days{2026y / March / 1};

TEST(HttpDate, IsRenderedAsImfFixdate) {
  EXPECT_EQ(view(http_date(kExample)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(view(http_date(WallSeconds{})), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(view(http_date(sys_days{2024y / February / 29} + 23h + 59min + 59s)),
            "Thu, 29 Feb 2024 23:59:59 GMT");
}

TEST(HttpDate, IsReadInAllThreeFormats) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), kExample);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), kExample);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994", kNow), kExample);
  EXPECT_EQ(parse_http_date("Wed Nov 16 08:49:37 1994", kNow), kExample + days{10});
}

TEST(HttpDate, TwoDigitYearsAreAtMostFiftyYearsAhead) {
  const auto year_of = [](std::string_view text) {
    const auto date = parse_http_date(text, kNow);
    return date ? static_cast<int>(year_month_day{floor<days>(*date)}.year()) : 0;
  };
  EXPECT_EQ(year_of("Sunday, 06-Nov-76 08:49:37 GMT"), 2076);
  EXPECT_EQ(year_of("Sunday, 06-Nov-77 08:49:37 GMT"), 1977);
  EXPECT_EQ(year_of("Sunday, 06-Nov-00 08:49:37 GMT"), 2000);
}

TEST(HttpDate, RefusesEverythingElse) {
  for (const char* text :
       {"", "0", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:00:61 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun Nov 06 08:49:37 1994 GMT"}) {
    EXPECT_FALSE(parse_http_date(text, kNow)) << text;
  }
}

TEST(HttpDate, GoesThereAndBack) {
  for (int i = 0; i < 3000; ++i) {
    const WallSeconds when = kExample + i * 1'234'567s;
    EXPECT_EQ(parse_http_date(view(http_date(when)), kNow), when);
  }
}

TEST(DateCache, FollowsTheClockInBothDirections) {
  DateCache cache;
  EXPECT_EQ(cache.at(WallSeconds{}), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(cache.at(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(cache.at(kExample - 1s), "Sun, 06 Nov 1994 08:49:36 GMT");
}

}  // namespace
}  // namespace sluice::http
