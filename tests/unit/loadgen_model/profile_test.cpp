#include "loadgen/profile.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/error.hpp"

namespace sluice::loadgen {
namespace {

/// The sentence that refuses `text`, or nothing.
std::string refusal(const std::string& text) {
  try {
    Profile::parse(text);
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

TEST(Profile, PutsItsSegmentsOneAfterTheOther) {
  const auto profile = Profile::parse("step 10/60s, ramp 10..80/120s,spike 200/5s ,hold/1m");
  ASSERT_EQ(profile.segments().size(), 4u);
  EXPECT_EQ(profile.length(), 245);
  EXPECT_EQ(profile.peak(), 200);
  EXPECT_EQ(profile.segments()[2].shape, Profile::Shape::spike);
  EXPECT_EQ(profile.rate_at(0), 10);
  EXPECT_EQ(profile.rate_at(59.9), 10);
  EXPECT_EQ(profile.rate_at(120), 45);
  EXPECT_EQ(profile.rate_at(180), 200);
  EXPECT_EQ(profile.rate_at(200), 80) << "hold goes on with the end of the ramp, not with the spike";
  EXPECT_EQ(profile.rate_at(245), 0) << "the end is not part of it";
  EXPECT_EQ(profile.rate_at(-1), 0);
}

TEST(Profile, AddsUpExpectedArrivals) {
  const auto profile = Profile::parse("step 10/10s, ramp 10..30/10s, step 0/5s, step 4/500ms");
  EXPECT_EQ(profile.arrivals_until(-1), 0);
  EXPECT_EQ(profile.arrivals_until(5), 50);
  EXPECT_EQ(profile.arrivals_until(15), 100 + 50 + 25);
  EXPECT_EQ(profile.arrivals_until(22), 300);
  EXPECT_EQ(profile.arrivals_until(1000), 302);
  EXPECT_EQ(profile.time_of(0), 0);
  EXPECT_EQ(profile.time_of(100), 10);
  EXPECT_EQ(profile.time_of(300), 20) << "the first moment, not the end of the silence after it";
  EXPECT_EQ(profile.time_of(301), 25.25);
  EXPECT_FALSE(profile.time_of(302.001));
}

TEST(Profile, InvertsWhatItAddsUp) {
  for (const char* text : {"ramp 0..100/10s", "ramp 100..0/10s", "step 7/3s, ramp 7..0/60s",
                           "ramp 0..1000000/7s, ramp 1000000..0.5/2m", "step 0/1s, ramp 3..3/9s"}) {
    const auto profile = Profile::parse(text);
    const double all = profile.arrivals_until(*profile.length());
    for (int i = 1; i <= 1000; ++i) {
      const double n = all * i / 1000;
      const auto t = profile.time_of(n);
      ASSERT_TRUE(t) << text << " " << n;
      ASSERT_NEAR(profile.arrivals_until(*t), n, 1e-9 * (1 + all)) << text;
    }
  }
}

TEST(Profile, OfAConstantRateHasNoEnd) {
  const auto profile = Profile::constant(40);
  EXPECT_FALSE(profile.length());
  EXPECT_EQ(profile.peak(), 40);
  EXPECT_EQ(profile.rate_at(1e6), 40);
  EXPECT_EQ(profile.arrivals_until(1e6), 4e7);
  EXPECT_EQ(profile.time_of(10), 0.25);
}

TEST(Profile, RefusesRatesNobodyCanMean) {
  for (const double rate : {0.0, -1.0, 1e6 + 1, std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_THROW(Profile::constant(rate), UsageError) << rate;
}

struct BadProfile {
  const char* name;
  const char* text;
  const char* says;
};
class RefusedProfile : public testing::TestWithParam<BadProfile> {};

TEST_P(RefusedProfile, QuotesTheSegmentAndSaysWhy) {
  EXPECT_THAT(refusal(GetParam().text), testing::HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Profile, RefusedProfile,
    testing::Values(BadProfile{"Empty", "", "is empty"},
                    BadProfile{"EmptySegment", "step 1/1s,,step 2/1s", "is empty"},
                    BadProfile{"CommaAtTheEnd", "step 1/1s,", "is empty"},
                    BadProfile{"UnknownWord", "jump 10/60s", "'jump 10/60s': begins with none of step"},
                    BadProfile{"NoDuration", "step 10", "'step 10': needs a duration"},
                    BadProfile{"ZeroDuration", "step 10/0s", "above zero"},
                    BadProfile{"UnknownUnit", "step 10/3days", "needs a duration"},
                    BadProfile{"NegativeRate", "step -3/10s", "'-3' is not a rate"},
                    BadProfile{"NoRate", "step /10s", "'' is not a rate"},
                    BadProfile{"RateThatIsNoNumber", "spike nan/10s", "'nan' is not a rate"},
                    BadProfile{"RateTooHigh", "step 1000001/1s", "at most 1000000"},
                    BadProfile{"RampWithOneRate", "ramp 10/60s", "two rates"},
                    BadProfile{"HoldFirst", "hold/10s", "nothing comes before it"},
                    BadProfile{"HoldAfterSpikeOnly", "spike 10/1s, hold/10s",
                               "'hold/10s': nothing comes before it"},
                    BadProfile{"HoldWithRate", "step 1/1s, hold 3/10s", "takes no rate"},
                    BadProfile{"TooLong", "step 1/100h, step 1/100h", "longer than 7 days"},
                    BadProfile{"Nobody", "step 0/10s", "all its rates are 0"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Profile, HasABoundedNumberOfSegments) {
  std::string text = "step 1/1s";
  for (std::size_t i = 1; i < Profile::kSegmentsMax; ++i) text += ",step 1/1s";
  EXPECT_EQ(Profile::parse(text).segments().size(), 1000u);
  EXPECT_THAT(refusal(text + ",step 1/1s"), testing::HasSubstr("at most 1000"));
}

TEST(Duration, HasAUnitOrIsInSeconds) {
  EXPECT_EQ(parse_duration("10s"), 10);
  EXPECT_EQ(parse_duration("250ms"), 0.25);
  EXPECT_EQ(parse_duration("2m"), 120);
  EXPECT_EQ(parse_duration("1h"), 3600);
  EXPECT_EQ(parse_duration("1.5"), 1.5);
  EXPECT_EQ(parse_duration("0"), 0);
  for (const char* text :
       {"", "s", ".", "-1s", "+1s", "1 s", " 1", "1d", "1.2.3", "1e3", "inf", "nan", "0x1"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace
}  // namespace sluice::loadgen
