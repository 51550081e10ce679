#include "base/histogram.hpp"

#include <cstdint>

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;
using Duration = Histogram::Duration;

TEST(Histogram, IsAllZeroWhenEmpty) {
  const Histogram empty;
  EXPECT_TRUE(empty.empty());
  for (const Duration value : {empty.min(), empty.max(), empty.mean(), empty.sum(), empty.quantile(0.5)})
    EXPECT_EQ(value, Duration::zero());
  EXPECT_TRUE(empty.buckets().empty());
}

TEST(Histogram, KnowsMinimumMaximumAndMeanExactly) {
  Histogram histogram;
  histogram.record(1'234'567ns);
  histogram.record(3'000'001ns, 2);
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.min(), 1'234'567ns);
  EXPECT_EQ(histogram.max(), 3'000'001ns);
  EXPECT_EQ(histogram.sum(), 7'234'569ns);
  EXPECT_EQ(histogram.mean(), 2'411'523ns);
}

TEST(Histogram, ReadsBackSmallValuesToTheMicrosecond) {
  for (int us = 0; us < 64; ++us) {
    Histogram histogram;
    histogram.record(std::chrono::microseconds{us});
    histogram.record(1s);
    EXPECT_EQ(histogram.quantile(0.5), std::chrono::microseconds{us + 1}) << us;
  }
}

class Accuracy : public testing::TestWithParam<std::int64_t> {};
TEST_P(Accuracy, NeverReadsLessAndAtMostOneSixtyFourthMore) {
  const std::chrono::microseconds value{GetParam()};
  Histogram histogram;
  histogram.record(value);
  histogram.record(Histogram::kMax);  // so that the maximum doesn't cut the answer
  const Duration read = histogram.quantile(0.5);
  EXPECT_GE(read, value);
  EXPECT_LE(static_cast<double>((read - value).count()),
            static_cast<double>(Duration{value}.count()) / 64 + 1000);
}
INSTANTIATE_TEST_SUITE_P(Values, Accuracy,
                         testing::Values(1, 63, 64, 65, 127, 128, 129, 1000, 4095, 4096, 12'345, 999'999,
                                         1'000'000, 10'000'000, 123'456'789, 3'599'999'999));

TEST(Histogram, CountsWhatIsTooLongAtItsBound) {
  Histogram histogram;
  histogram.record(5h);
  histogram.record(-1s);
  EXPECT_EQ(histogram.max(), Histogram::kMax);
  EXPECT_EQ(histogram.min(), 0s);
}

TEST(Histogram, FindsQuantilesByRank) {
  Histogram histogram;
  for (int us = 1; us <= 50; ++us) histogram.record(std::chrono::microseconds{us});
  EXPECT_EQ(histogram.quantile(0), 2us);  // the bucket of 1 µs ends at 2
  EXPECT_EQ(histogram.quantile(0.5), 26us);
  EXPECT_EQ(histogram.quantile(0.98), 50us);  // its bucket ends at 50 exactly
  EXPECT_EQ(histogram.quantile(1), 50us);
}

TEST(Histogram, MergesAsIfAllHadBeenRecordedInOne) {
  Histogram a, b, both;
  for (int i = 0; i < 1000; ++i) {
    const std::chrono::microseconds value{i * i + 7};
    (i % 3 == 0 ? a : b).record(value);
    both.record(value);
  }
  a.merge(b);
  a.merge(Histogram{});
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.sum(), both.sum());
  EXPECT_EQ(a.min(), both.min());
  EXPECT_EQ(a.max(), both.max());
  for (const double q : {0.1, 0.5, 0.9, 0.99, 0.999}) EXPECT_EQ(a.quantile(q), both.quantile(q)) << q;
}

TEST(Histogram, IsRestoredFromItsBuckets) {
  Histogram original;
  for (int i = 1; i < 2000; i += 7)
    original.record(std::chrono::microseconds{i * i}, static_cast<unsigned>(i));
  const auto copy = Histogram::restore(original.buckets(), original.min(), original.max(), original.sum());
  EXPECT_EQ(copy.count(), original.count());
  EXPECT_EQ(copy.mean(), original.mean());
  for (const double q : {0.0, 0.25, 0.5, 0.9, 0.99, 1.0})
    EXPECT_EQ(copy.quantile(q), original.quantile(q)) << q;
  EXPECT_EQ(copy.buckets().size(), original.buckets().size());
}

TEST(Histogram, TakesSumsOfAnyFileWithoutOverflow) {
  const std::vector<Histogram::Bucket> many{{3'600'000'000, std::uint64_t{1} << 53}};
  auto histogram = Histogram::restore(many, 1h, 1h, Duration::max());
  histogram.merge(histogram);
  EXPECT_EQ(histogram.sum(), Duration::max());
  EXPECT_EQ(histogram.quantile(0.5), 1h);
}

TEST(Histogram, IsAsNewAfterClear) {
  Histogram histogram;
  histogram.record(5ms);
  histogram.clear();
  EXPECT_TRUE(histogram.empty());
  histogram.record(7ms);
  EXPECT_EQ(histogram.min(), 7ms);
  EXPECT_EQ(histogram.quantile(0.5), 7ms);
}

}  // namespace
}  // namespace sluice
