#include "server/work_meter.hpp"

#include <cmath>
#include <ctime>

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

std::uint64_t cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

void burn(std::uint64_t ns) {
  const std::uint64_t end = cpu_ns() + ns;
  while (cpu_ns() < end) {
  }
}

struct Meter : testing::Test {
  std::array<Counter, kWorks> booked;
  Counter unbooked, used;
  WorkMeter meter{booked, unbooked, used};

  std::uint64_t used_before = 0;  // by the thread, until the test began

  Meter() {
    burn(1'000'000);
    meter.pulse(Monotonic::now());
    used_before = used.get();
  }
  double share(Work work) const {
    return static_cast<double>(booked[static_cast<std::size_t>(work)].get()) /
           static_cast<double>(used.get() - used_before);
  }
};

/// Shares of two kinds of work, of which the first takes three times the CPU of the second.
class ThreeToOne : public Meter {
 public:
  void TestBody() override {}
  ThreeToOne() {
    Effort one, two;
    for (int i = 0; i < 10; ++i) {
      meter.start(one);
      burn(3'000'000);
      meter.stop();
      meter.start(two);
      burn(1'000'000);
      meter.stop();
    }
    meter.book(one, Work::request);
    meter.book(two, Work::refusal);
    meter.pulse(Monotonic::now());
  }
};

/// Whoever takes the CPU away in the midst of one of them moves the shares, so a busy machine has several
/// tries.
TEST(MeterOfWork, BooksInProportionToTheWork) {
  double request = 0, refusal = 0;
  for (int tries = 0; tries < 10; ++tries) {
    const ThreeToOne meter;
    request = meter.share(Work::request), refusal = meter.share(Work::refusal);
    ASSERT_LE(request + refusal, 1.01);
    if (std::abs(request - 0.75) < 0.08 && std::abs(refusal - 0.25) < 0.08) return;
  }
  ADD_FAILURE() << "the last shares were " << request << " and " << refusal;
}

TEST_F(Meter, SharesOutTheLoopByRuns) {
  Effort often, seldom;
  for (int i = 0; i < 100; ++i) {
    burn(20'000);  // the loop's own work, in no effort
    meter.start(often);
    meter.stop();
    if (i % 10 == 0) {
      meter.start(seldom);
      meter.stop();
    }
  }
  for (int i = 0; i < 50; ++i) meter.pulse(Monotonic::now());  // the overhead is smoothed
  EXPECT_EQ(often.runs, 100U);
  EXPECT_EQ(seldom.runs, 10U);
  meter.book(often, Work::request);
  meter.book(seldom, Work::refusal);
  meter.pulse(Monotonic::now());
  EXPECT_NEAR(static_cast<double>(booked[static_cast<std::size_t>(Work::request)].get()) /
                  static_cast<double>(booked[static_cast<std::size_t>(Work::refusal)].get()),
              10, 2);
}

TEST_F(Meter, AnotherStartEndsTheOneBefore) {
  Effort one, two;
  meter.start(one);
  burn(1'000'000);
  meter.start(two);
  meter.stop();
  const auto ticks_of_one = one.ticks;
  burn(2'000'000);
  meter.stop();  // nobody is at work
  EXPECT_EQ(one.ticks, ticks_of_one);
  EXPECT_LT(two.ticks, one.ticks);
}

TEST_F(Meter, KnowsWhatIsNotBookedYet) {
  Effort effort;
  for (int i = 0; i < 5; ++i) {
    meter.start(effort);
    burn(2'000'000);
    meter.stop();
    meter.pulse(Monotonic::now());
  }
  EXPECT_NEAR(static_cast<double>(unbooked.get()), 10e6, 2e6);
  for (int i = 0; i < 100; ++i) meter.stop();  // runs for nobody are nobody's
  meter.pulse(Monotonic::now());
  meter.book(effort, Work::request);
  meter.pulse(Monotonic::now());
  EXPECT_LT(unbooked.get(), 2'000'000U);
}

TEST_F(Meter, BookingEmptiesTheEffort) {
  Effort effort;
  meter.start(effort);
  burn(1'000'000);
  EXPECT_GT(meter.book(effort, Work::full), 0U);
  burn(1'000'000);
  meter.stop();
  EXPECT_GT(effort.ticks, 0U) << "what comes after counts anew";
}

}  // namespace
}  // namespace sluice::server
