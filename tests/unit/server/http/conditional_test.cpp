#include "server/http/conditional.hpp"

#include <string>

#include <gtest/gtest.h>

#include "server/http/date.hpp"

namespace sluice::http {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

constexpr WallSeconds kModified = sys_days{1994y / November / 6} + 8h + 49min + 37s;
constexpr WallSeconds kNow = sys_days{2026y / March / 1};
constexpr const char* kSame = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* kBefore = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char* kAfter = "Sun, 06 Nov 1994 08:49:38 GMT";
const Validators kValidators{"\"v1\"", kModified};

struct PreconditionCase {
  const char* name;
  std::vector<Request::Field> fields;
  Precondition expected;
};
class Preconditions : public testing::TestWithParam<PreconditionCase> {};

TEST_P(Preconditions, AreEvaluated) {
  Request request;
  request.fields = GetParam().fields;
  EXPECT_EQ(evaluate_preconditions(request, kValidators, kNow), GetParam().expected);
}

constexpr auto kProceed = Precondition::proceed;
constexpr auto kNotModified = Precondition::not_modified;
constexpr auto kFailed = Precondition::failed;

INSTANTIATE_TEST_SUITE_P(
    Conditional, Preconditions,
    testing::Values(
        PreconditionCase{"None", {}, kProceed},
        PreconditionCase{"NoneMatch", {{"If-None-Match", "\"v1\""}}, kNotModified},
        PreconditionCase{"NoneMatchWeak", {{"If-None-Match", "W/\"v1\""}}, kNotModified},
        PreconditionCase{"NoneMatchAny", {{"If-None-Match", "*"}}, kNotModified},
        PreconditionCase{"NoneMatchList", {{"If-None-Match", "\"a,b\" , W/\"v1\""}}, kNotModified},
        PreconditionCase{"NoneMatchOther", {{"If-None-Match", "\"v2\", \"v\""}}, kProceed},
        PreconditionCase{"NoneMatchWithoutQuotes", {{"If-None-Match", "v1"}}, kProceed},
        PreconditionCase{"NoneMatchOpenQuote", {{"If-None-Match", "\"v1"}}, kProceed},
        PreconditionCase{"ModifiedSinceSame", {{"If-Modified-Since", kSame}}, kNotModified},
        PreconditionCase{"ModifiedSinceBefore", {{"If-Modified-Since", kBefore}}, kProceed},
        PreconditionCase{"ModifiedSinceAfter", {{"If-Modified-Since", kAfter}}, kNotModified},
        PreconditionCase{"ModifiedSinceUnreadable", {{"If-Modified-Since", "yesterday"}}, kProceed},
        PreconditionCase{"NoneMatchBeatsModifiedSince",
                         {{"If-None-Match", "\"v2\""}, {"If-Modified-Since", kSame}},
                         kProceed},
        PreconditionCase{"NoneMatchBeatsModifiedSinceOtherWay",
                         {{"If-None-Match", "\"v1\""}, {"If-Modified-Since", kBefore}},
                         kNotModified},
        PreconditionCase{"Match", {{"If-Match", "\"v1\""}}, kProceed},
        PreconditionCase{"MatchAny", {{"If-Match", "*"}}, kProceed},
        PreconditionCase{"MatchOther", {{"If-Match", "\"v2\""}}, kFailed},
        PreconditionCase{"MatchWeakIsNoMatch", {{"If-Match", "W/\"v1\""}}, kFailed},
        PreconditionCase{"UnmodifiedSinceSame", {{"If-Unmodified-Since", kSame}}, kProceed},
        PreconditionCase{"UnmodifiedSinceBefore", {{"If-Unmodified-Since", kBefore}}, kFailed},
        PreconditionCase{"MatchBeatsUnmodifiedSince",
                         {{"If-Match", "\"v1\""}, {"If-Unmodified-Since", kBefore}},
                         kProceed},
        PreconditionCase{
            "MatchThenNoneMatch", {{"If-Match", "\"v1\""}, {"If-None-Match", "\"v1\""}}, kNotModified}),
    [](const auto& test) { return std::string{test.param.name}; });

struct RangeCase {
  const char* name;
  std::string range;
  std::string expected;  // "first+size", "whole" or "unsatisfiable", of 100 bytes
};
class Ranges : public testing::TestWithParam<RangeCase> {};

std::string describe(const Range& range) {
  if (range.kind == Range::Kind::whole) return "whole";
  if (range.kind == Range::Kind::unsatisfiable) return "unsatisfiable";
  return std::to_string(range.offset) + "+" + std::to_string(range.size);
}

std::string select(std::vector<Request::Field> fields, Verb method = Verb::get, std::uint64_t size = 100) {
  Request request;
  request.method = method;
  request.fields = std::move(fields);
  return describe(select_range(request, kValidators, size, kNow));
}

TEST_P(Ranges, AreSelected) { EXPECT_EQ(select({{"Range", GetParam().range}}), GetParam().expected); }

INSTANTIATE_TEST_SUITE_P(
    Conditional, Ranges,
    testing::Values(RangeCase{"First", "bytes=0-0", "0+1"}, RangeCase{"Middle", "bytes=10-19", "10+10"},
                    RangeCase{"OpenEnd", "bytes=90-", "90+10"}, RangeCase{"Suffix", "bytes=-10", "90+10"},
                    RangeCase{"SuffixLongerThanAll", "bytes=-1000", "0+100"},
                    RangeCase{"EndBeyond", "bytes=90-1000", "90+10"}, RangeCase{"All", "bytes=0-", "0+100"},
                    RangeCase{"UnitInUpperCase", "BYTES=0-0", "0+1"}, RangeCase{"Last", "bytes=99-", "99+1"},
                    RangeCase{"Behind", "bytes=100-", "unsatisfiable"},
                    RangeCase{"FarBehind", "bytes=9999999999999999999-", "unsatisfiable"},
                    RangeCase{"EmptySuffix", "bytes=-0", "unsatisfiable"},
                    RangeCase{"Backwards", "bytes=9-1", "whole"},
                    RangeCase{"Several", "bytes=0-1,3-4", "whole"},
                    RangeCase{"OtherUnit", "lines=0-1", "whole"}, RangeCase{"NoNumbers", "bytes=-", "whole"},
                    RangeCase{"Nothing", "bytes=", "whole"}, RangeCase{"Text", "bytes=a-b", "whole"},
                    RangeCase{"Sign", "bytes=+1-2", "whole"}, RangeCase{"TwoDashes", "bytes=--1", "whole"},
                    RangeCase{"TooManyDigits", "bytes=99999999999999999999-", "whole"}),
    [](const auto& test) { return std::string{test.param.name}; });

TEST(RangeRules, OnlyGetHasRanges) { EXPECT_EQ(select({{"Range", "bytes=0-0"}}, Verb::head), "whole"); }

TEST(RangeRules, NothingOfAnEmptyFileCanBeSelected) {
  EXPECT_EQ(select({{"Range", "bytes=0-"}}, Verb::get, 0), "unsatisfiable");
  EXPECT_EQ(select({{"Range", "bytes=-5"}}, Verb::get, 0), "unsatisfiable");
}

TEST(RangeRules, IfRangeNeedsTheSameStrongValidator) {
  const auto with = [](std::string_view condition) {
    return select({{"Range", "bytes=0-0"}, {"If-Range", condition}});
  };
  EXPECT_EQ(with("\"v1\""), "0+1");
  EXPECT_EQ(with("\"v2\""), "whole");
  EXPECT_EQ(with("W/\"v1\""), "whole");
  EXPECT_EQ(with(kSame), "0+1");
  EXPECT_EQ(with(kAfter), "whole");
  EXPECT_EQ(with("nonsense"), "whole");
}

TEST(RangeRules, ADateOfThisSecondIsNoStrongValidator) {
  Request request;
  request.fields = {{"Range", "bytes=0-0"}, {"If-Range", kSame}};
  EXPECT_EQ(describe(select_range(request, kValidators, 100, kModified + 1s)), "whole");
  EXPECT_EQ(describe(select_range(request, kValidators, 100, kModified + 2s)), "0+1");
}

}  // namespace
}  // namespace sluice::http
