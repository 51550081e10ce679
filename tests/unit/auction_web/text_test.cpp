#include <gtest/gtest.h>

#include "apps/auction/web/format.hpp"
#include "apps/auction/web/html.hpp"
#include "apps/auction/web/numbers.hpp"
#include "apps/auction/web/pictures.hpp"
#include "apps/auction/web/views.hpp"

namespace sluice::auction::web {
namespace {

using std::chrono::seconds;

TEST(Escaped, KeepsPlainText) { EXPECT_EQ(escaped("A lamp, 10 \u20ac\nnew"), "A lamp, 10 \u20ac\nnew"); }
TEST(Escaped, LeavesNoMarkup) {
  EXPECT_EQ(escaped("<a b='\"&\">"), "&lt;a b&#61;&#39;&quot;&amp;&quot;&gt;");
}
TEST(Escaped, BreaksUpWhatRubisSearchesFor) {
  EXPECT_EQ(escaped("ERROR Sorry ERR Sort"), "&#69;RROR &#83;orry ERR Sort");
  EXPECT_EQ(escaped("itemId=5"), "itemId&#61;5");
  EXPECT_EQ(escaped("EERROR"), "E&#69;RROR");
}
TEST(Escaped, HasNoControlCharacters) { EXPECT_EQ(escaped(std::string("a\0b\x1b\x7f", 5)), "a b  "); }

TEST(UrlEncoded, IsAFormValue) {
  EXPECT_EQ(url_encoded("MA--Boston "), "MA--Boston+");
  EXPECT_EQ(url_encoded("a&b=c\"\u00e9"), "a%26b%3Dc%22%C3%A9");
  EXPECT_EQ(url_encoded("ERROR Sorry"), "%45RROR+%53orry");
}

struct MoneyCase {
  std::int64_t cents;
  const char* money;
  const char* plain;
};
class Money : public testing::TestWithParam<MoneyCase> {};
TEST_P(Money, ReadsWell) {
  EXPECT_EQ(money(Cents{GetParam().cents}), GetParam().money);
  EXPECT_EQ(plain_amount(Cents{GetParam().cents}), GetParam().plain);
}
INSTANTIATE_TEST_SUITE_P(
    Format, Money,
    testing::Values(MoneyCase{0, "$0.00", "0.00"}, MoneyCase{5, "$0.05", "0.05"},
                    MoneyCase{99'999, "$999.99", "999.99"}, MoneyCase{100'000, "$1,000.00", "1000.00"},
                    MoneyCase{123'456'789, "$1,234,567.89", "1234567.89"}, MoneyCase{-350, "-$3.50", "-3.50"},
                    MoneyCase{INT64_MIN, "-$92,233,720,368,547,758.08", "-92233720368547758.08"}));

struct LeftCase {
  int seconds;
  const char* text;
};
class TimeLeft : public testing::TestWithParam<LeftCase> {};
TEST_P(TimeLeft, HasTwoUnits) {
  const WallSeconds now{seconds{1'000'000}};
  EXPECT_EQ(time_left(now + seconds{GetParam().seconds}, now), GetParam().text);
}
TEST(TimeLeft, TellsWhenItReadsDifferently) {
  const WallSeconds now{seconds{1'000'000}};
  for (const int left : {-5, 0, 1, 59, 60, 61, 599, 600, 601, 659, 660, 3'599, 3'600, 3'601, 86'399, 86'400,
                         86'401, 90'000, 500'000}) {
    const WallSeconds ends = now + seconds{left};
    const WallSeconds changes = time_left_changes(ends, now);
    if (left <= 0) {
      EXPECT_EQ(changes, WallSeconds::max());
      continue;
    }
    EXPECT_EQ(time_left(ends, changes - seconds{1}), time_left(ends, now)) << left;
    EXPECT_NE(time_left(ends, changes), time_left(ends, now)) << left;
  }
}
INSTANTIATE_TEST_SUITE_P(Format, TimeLeft,
                         testing::Values(LeftCase{-5, "ended"}, LeftCase{0, "ended"}, LeftCase{9, "9 s"},
                                         LeftCase{60, "1 min"}, LeftCase{250, "4 min 10 s"},
                                         LeftCase{599, "9 min 59 s"}, LeftCase{659, "10 min"},
                                         LeftCase{11'520, "3 h 12 min"}, LeftCase{86'400, "1 d"},
                                         LeftCase{187'200, "2 d 4 h"}));

TEST(Utc, NamesDayAndZone) {
  EXPECT_EQ(utc(WallSeconds{seconds{0}}), "Thu 1 Jan 1970, 00:00 UTC");
  EXPECT_EQ(utc(WallSeconds{seconds{1'795'356'309}}), "Sun 22 Nov 2026, 14:05 UTC");
  EXPECT_EQ(iso8601(WallSeconds{seconds{1'795'356'309}}), "2026-11-22T14:05:09Z");
}

TEST(RegionLabel, PutsTheCityFirst) {
  EXPECT_EQ(region_label("MA--Boston "), "Boston, MA");
  EXPECT_EQ(region_label("eBay"), "eBay");
}

struct NumberCase {
  const char* text;
  std::optional<std::int64_t> value;
};
class Integers : public testing::TestWithParam<NumberCase> {};
TEST_P(Integers, AreReadWhole) { EXPECT_EQ(parse_integer(GetParam().text), GetParam().value); }
INSTANTIATE_TEST_SUITE_P(Numbers, Integers,
                         testing::Values(NumberCase{"0", 0}, NumberCase{"-1", -1}, NumberCase{"007", 7},
                                         NumberCase{"999999999999999999", 999'999'999'999'999'999},
                                         NumberCase{"9999999999999999999", {}}, NumberCase{"", {}},
                                         NumberCase{"-", {}}, NumberCase{"+1", {}}, NumberCase{" 1", {}},
                                         NumberCase{"1x", {}}, NumberCase{"1.0", {}},
                                         NumberCase{"\u0661", {}}));

class Amounts : public testing::TestWithParam<NumberCase> {};
TEST_P(Amounts, AreReadStrictly) {
  const auto amount = parse_amount(GetParam().text);
  ASSERT_EQ(amount.has_value(), GetParam().value.has_value());
  EXPECT_EQ(amount ? amount->value : 0, GetParam().value.value_or(0));
}
INSTANTIATE_TEST_SUITE_P(Numbers, Amounts,
                         testing::Values(NumberCase{"12", 1200}, NumberCase{"12.5", 1250},
                                         NumberCase{" 12.50 ", 1250}, NumberCase{"0.01", 1},
                                         NumberCase{"100000000", 10'000'000'000},
                                         NumberCase{"100000000.01", {}}, NumberCase{"999999999999999", {}},
                                         NumberCase{"99999999999999999999", {}}, NumberCase{"12.345", {}},
                                         NumberCase{"12.", {}}, NumberCase{".5", {}}, NumberCase{"1,5", {}},
                                         NumberCase{"-1", {}}, NumberCase{"+1", {}}, NumberCase{"1e3", {}},
                                         NumberCase{"1 000", {}}, NumberCase{"$5", {}},
                                         NumberCase{"\uff11", {}}, NumberCase{"", {}}, NumberCase{" ", {}}));

class JavaFloats : public testing::TestWithParam<NumberCase> {};
TEST_P(JavaFloats, AreReadAsPrinted) {
  const auto amount = parse_java_float(GetParam().text);
  ASSERT_EQ(amount.has_value(), GetParam().value.has_value());
  EXPECT_EQ(amount ? amount->value : 0, GetParam().value.value_or(0));
}
INSTANTIATE_TEST_SUITE_P(
    Numbers, JavaFloats,
    testing::Values(NumberCase{"123.0", 12300}, NumberCase{"-1.0", -100}, NumberCase{"1.0E7", 1'000'000'000},
                    NumberCase{"1.0E 7", 1'000'000'000}, NumberCase{"1.0E+7", 1'000'000'000},
                    NumberCase{"1.0E-2", 1}, NumberCase{"12", 1200}, NumberCase{"0.0", 0},
                    NumberCase{"1.0E9", {}}, NumberCase{"1.0E999", {}}, NumberCase{"NaN", {}},
                    NumberCase{"inf", {}}, NumberCase{"1.0 E7", {}}, NumberCase{"x", {}}, NumberCase{"", {}},
                    NumberCase{"1.0E", {}}, NumberCase{"1111111111111111111111111111111111", {}}));

TEST(Picture, HasAPathThatNamesIt) {
  const auto what = picture_of(picture_path(42, 7));
  ASSERT_TRUE(what);
  EXPECT_EQ(what->item, 42);
  EXPECT_EQ(what->category, 7);
  for (const char* path : {"/pictures/1/", "/pictures/1/.svg", "/pictures/1/7.svg", "/pictures/1/7/.svg",
                           "/pictures/2/7/42.svg", "/pictures/1/7/42.svgx", "/pictures/1/7/4%202.svg"}) {
    EXPECT_FALSE(picture_of(path)) << path;
  }
}

TEST(Picture, IsWholeForAnyCategory) {
  for (const Id category : {Id{-1}, Id{0}, Id{1}, Id{20}, Id{21}, Id{999'999'999'999'999'999}}) {
    const std::string svg = picture({.item = 3, .category = category});
    EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
    EXPECT_EQ(svg.find('@'), std::string::npos);
    EXPECT_EQ(svg.find("style"), std::string::npos);  // forbidden by our content security policy
    EXPECT_LT(svg.size(), 2500U);
  }
}

}  // namespace
}  // namespace sluice::auction::web
