#include "loadgen/pacer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/error.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;

/// All arrivals in seconds.
std::vector<double> all(Pacer pacer) {
  std::vector<double> times;
  while (const auto next = pacer.next()) times.push_back(std::chrono::duration<double>(*next).count());
  return times;
}

TEST(DeterministicPacer, PutsEachArrivalInTheMiddleOfItsShare) {
  Pacer pacer{Profile::constant(10), Arrivals::deterministic, 1};
  EXPECT_EQ(pacer.next(), 50ms);
  EXPECT_EQ(pacer.next(), 150ms);
  EXPECT_EQ(pacer.next(), 250ms);
}

TEST(DeterministicPacer, MeetsTheExpectedNumberAtEveryMoment) {
  for (const char* text : {"step 10/60s", "ramp 0..100/10s, step 0/3s, spike 250/2s", "step 0.1/100s"}) {
    const auto profile = Profile::parse(text);
    const auto times = all({profile, Arrivals::deterministic, 1});
    EXPECT_EQ(static_cast<double>(times.size()), profile.arrivals_until(*profile.length())) << text;
    for (std::size_t i = 0; i < times.size(); ++i)
      ASSERT_NEAR(profile.arrivals_until(times[i]), static_cast<double>(i) + 0.5, 1e-5) << text;
  }
}

TEST(PoissonPacer, RepeatsWithItsSeedOnly) {
  const auto profile = Profile::parse("ramp 10..50/20s");
  const auto once = all({profile, Arrivals::poisson, 7});
  EXPECT_EQ(once, all({profile, Arrivals::poisson, 7}));
  EXPECT_NE(once, all({profile, Arrivals::poisson, 8}));
  EXPECT_TRUE(std::is_sorted(once.begin(), once.end()));
}

// A Poisson count has its mean as variance: 600 over 400 runs, so that their mean is within 600 +- 1.2
// (standard error) and their variance within 600 +- 42.
TEST(PoissonPacer, HasTheMeanAndTheVarianceOfAPoissonProcess) {
  constexpr int kRuns = 400;
  const auto profile = Profile::parse("step 20/10s, ramp 20..60/10s");
  double sum = 0, squares = 0, first_half = 0;
  for (std::uint64_t seed = 0; seed < kRuns; ++seed) {
    const auto times = all({profile, Arrivals::poisson, seed});
    const auto count = static_cast<double>(times.size());
    sum += count;
    squares += count * count;
    first_half += static_cast<double>(std::lower_bound(times.begin(), times.end(), 10.0) - times.begin());
  }
  const double mean = sum / kRuns;
  EXPECT_NEAR(mean, 600, 5);
  EXPECT_NEAR(squares / kRuns - mean * mean, 600, 170);
  EXPECT_NEAR(first_half / kRuns, 200, 3) << "the rate follows the profile";
}

TEST(PoissonPacer, HasExponentialGaps) {
  Pacer pacer{Profile::constant(100), Arrivals::poisson, 3};
  constexpr int kGaps = 100'000;
  int longer_than_mean = 0;
  double previous = 0;
  for (int i = 0; i < kGaps; ++i) {
    const double time = std::chrono::duration<double>(*pacer.next()).count();
    longer_than_mean += time - previous > 0.01;
    previous = time;
  }
  EXPECT_NEAR(static_cast<double>(longer_than_mean) / kGaps, std::exp(-1), 0.006);
  EXPECT_NEAR(previous, 1000, 13);
}

TEST(Pacer, OfATinyRateEndsInsteadOfOverflowing) {
  Pacer pacer{Profile::constant(1e-12), Arrivals::deterministic, 1};
  EXPECT_FALSE(pacer.next());
}

TEST(Pacer, ReplaysARecording) {
  Pacer pacer{std::vector<double>{0, 0.5, 0.5, 2}};
  EXPECT_EQ(pacer.next(), 0s);
  EXPECT_EQ(pacer.next(), 500ms);
  EXPECT_EQ(pacer.next(), 500ms);
  EXPECT_EQ(pacer.next(), 2s);
  EXPECT_FALSE(pacer.next());
  EXPECT_FALSE(pacer.next());
}

class Recording : public testing::Test {
 protected:
  ~Recording() override { std::remove(file_.c_str()); }
  std::vector<double> read(const std::string& text) {
    std::ofstream{file_, std::ios::binary} << text;
    return read_arrivals(file_);
  }
  std::string refusal(const std::string& text) {
    try {
      read(text);
    } catch (const UsageError& error) {
      return error.what();
    }
    return {};
  }
  const std::string file_ = testing::TempDir() + "sluice_load_arrivals";
};

TEST_F(Recording, SkipsCommentsAndBlankLines) {
  EXPECT_EQ(read("# from the log\r\n\r\n0\r\n  1.5 # a pause\n1.5\n2e1"),
            (std::vector<double>{0, 1.5, 1.5, 20}));
}

TEST_F(Recording, IsRefusedWithFileAndLine) {
  EXPECT_THAT(refusal("1\nsoon\n"), testing::HasSubstr(file_ + ":2: 'soon' is not a time"));
  EXPECT_THAT(refusal("1\n2\n1.9\n"), testing::HasSubstr(":3: this arrival is earlier"));
  EXPECT_THAT(refusal("-1\n"), testing::HasSubstr(":1: '-1' is not a time"));
  EXPECT_THAT(refusal("nan\n"), testing::HasSubstr(":1: 'nan' is not a time"));
  EXPECT_THAT(refusal("700000\n"), testing::HasSubstr(":1: a recording is at most 7 days"));
  EXPECT_THAT(refusal("# nobody came\n"), testing::HasSubstr("has no arrivals"));
}

TEST(ReadArrivals, RefusesAFileThatIsNotThere) {
  EXPECT_THROW(read_arrivals("/nowhere/at/all"), UsageError);
  EXPECT_THROW(read_arrivals("/"), UsageError);
}

}  // namespace
}  // namespace sluice::loadgen
