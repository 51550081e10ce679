#include "tools/sim/words.hpp"

#include <gtest/gtest.h>

#include "tools/sim/profile.hpp"
#include "tools/sim/scenario.hpp"

namespace sluice::tools {
namespace {

TEST(Duration, HasUnits) {
  EXPECT_DOUBLE_EQ(*parse_duration("30us"), 30e-6);
  EXPECT_DOUBLE_EQ(*parse_duration("0.5ms"), 0.5e-3);
  EXPECT_DOUBLE_EQ(*parse_duration("2m"), 120);
  EXPECT_DOUBLE_EQ(*parse_duration("1.5"), 1.5);
  for (const char* wrong : {"", "ms", "-1s", "1d", "1e3s", "1 s", "inf"})
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

TEST(DistributionWords, AreReadOrRefusedWithASentence) {
  EXPECT_EQ(Distribution::parse("exp:7s", "--think").shape, Distribution::Shape::exponential);
  EXPECT_DOUBLE_EQ(Distribution::parse("250us", "--request").mean_s, 250e-6);
  EXPECT_DOUBLE_EQ(Distribution::parse("lognormal:2ms,cv=3", "--request").deviation, 3);
  for (const char* wrong : {"", "exp", "exp:", "table", "lognormal:1s,cv=0", "const:1s,cv=2", "uniform:1s"})
    EXPECT_THROW(Distribution::parse(wrong, "--think"), UsageError) << wrong;
}

// Means of a million draws; the standard error of the widest is 0.3 %.
TEST(DistributionDraws, HaveTheMeanAndTheTailTheyPromise) {
  for (const char* text : {"const:2s", "exp:2s", "lognormal:2s", "lognormal:2s,cv=3"}) {
    const auto distribution = Distribution::parse(text, "--think");
    Random random{1};
    double sum = 0, above = 0;
    constexpr int kDraws = 1'000'000;
    for (int i = 0; i < kDraws; ++i) {
      const double value = distribution.draw(random);
      sum += value;
      above += value > 5 ? 1 : 0;
    }
    EXPECT_NEAR(sum / kDraws, 2, 0.03) << text;
    EXPECT_NEAR(above / kDraws, distribution.above(5), 0.002) << text;
  }
}

TEST(CountDraws, HaveTheirMean) {
  Random random{1};
  const auto count = Count::parse("geom:15", "--requests");
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) sum += count.draw(random);
  EXPECT_NEAR(sum / 100'000, 15, 0.2);
  EXPECT_EQ(Count::parse("5", "--requests").draw(random), 5U);
  EXPECT_EQ(Count::parse("geom:1", "--requests").draw(random), 1U);
  for (const char* wrong : {"", "0", "1.5", "geom:0.5", "x"})
    EXPECT_THROW(Count::parse(wrong, "--requests"), UsageError) << wrong;
}

TEST(ChangeWords, AreAValueAndATime) {
  const auto change = Change::parse("4@2m", "--cost-factor");
  EXPECT_DOUBLE_EQ(change.value, 4);
  EXPECT_DOUBLE_EQ(change.at_s, 120);
  for (const char* wrong : {"", "4", "@1s", "0@1s", "4@"})
    EXPECT_THROW(Change::parse(wrong, "--cost-factor"), UsageError) << wrong;
}

TEST(ProfileWords, SayTheRateAtEachTime) {
  const auto profile = Profile::parse("step 10/10s, ramp 10..30/10s, spike 2x/5s, hold/5s", 100);
  EXPECT_DOUBLE_EQ(profile.rate_at(5), 10);
  EXPECT_DOUBLE_EQ(profile.rate_at(15), 20);
  EXPECT_DOUBLE_EQ(profile.rate_at(22), 200);
  EXPECT_DOUBLE_EQ(profile.rate_at(27), 30);
  EXPECT_DOUBLE_EQ(profile.rate_at(1000), 30);
  EXPECT_DOUBLE_EQ(profile.length_s(), 30);
  EXPECT_DOUBLE_EQ(profile.peak(), 200);
}

TEST(ProfileWords, AreRefusedWithTheSegmentThatIsWrong) {
  for (const char* wrong :
       {"", "step 10", "step 10/0s", "hold/1s", "ramp 10/1s", "jump 1/1s", "step x/1s", "step 1/1s,"})
    EXPECT_THROW(Profile::parse(wrong, 1), UsageError) << wrong;
}

// 0.25 ms + 15 * 0.5 ms + 14 * e^(-10/7) * 0.15 ms = 8.2533 ms: 242.3 sessions a second on 2 CPUs.
TEST(Capacity, IsTheCpusOverTheCostOfASession) {
  EXPECT_NEAR(preset("today").capacity(2), 242.33, 0.01);
  EXPECT_NEAR(preset("today").capacity(2, 4), 65.03, 0.01);
  EXPECT_NEAR(preset("paper2005").capacity(4), 15.58, 0.01);
  EXPECT_THROW(preset("yesterday"), UsageError);
}

}  // namespace
}  // namespace sluice::tools
