#include "tools/sim/machine.hpp"

#include <gtest/gtest.h>

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

Job job(std::uint32_t visitor, Work work = Work::request) { return {.visitor = visitor, .work = work}; }

TEST(Cpus, TakeWorkBehindOnlyWhenNoneIsInFront) {
  Cpus cpus{4};
  cpus.submit(job(1, Work::full), true);
  cpus.submit(job(2), false);
  cpus.submit(job(3), false);
  EXPECT_EQ(cpus.take()->job.visitor, 2U);
  EXPECT_EQ(cpus.take()->job.visitor, 3U);
  const auto last = cpus.take();
  EXPECT_EQ(last->job.visitor, 1U);
  EXPECT_TRUE(last->behind);
}

TEST(Cpus, TakeNoMoreThanThereAreCpus) {
  Cpus cpus{2};
  for (std::uint32_t i = 0; i < 3; ++i) cpus.submit(job(i), false);
  const auto first = cpus.occupy(cpus.take()->job);
  cpus.occupy(cpus.take()->job);
  EXPECT_FALSE(cpus.take());
  EXPECT_EQ(cpus.release(first).visitor, 0U);
  EXPECT_EQ(cpus.take()->job.visitor, 2U);
}

TEST(Cpus, EndWhatTheyDoWhenThereAreFewer) {
  Cpus cpus{2};
  for (std::uint32_t i = 0; i < 4; ++i) cpus.submit(job(i), false);
  const auto first = cpus.occupy(cpus.take()->job);
  const auto second = cpus.occupy(cpus.take()->job);
  cpus.resize(1);
  cpus.release(first);
  EXPECT_FALSE(cpus.take());
  cpus.release(second);
  EXPECT_TRUE(cpus.take());
}

TEST(Cpus, ThatAreAPartAreSlower) {
  EXPECT_DOUBLE_EQ(Cpus{0.25}.speed(), 0.25);
  EXPECT_DOUBLE_EQ(Cpus{2.5}.speed(), 2.5 / 3);
  EXPECT_DOUBLE_EQ(Cpus{4}.speed(), 1);
}

TEST(Cpus, SaySinceWhenTheFirstWaits) {
  Cpus cpus{1};
  const Monotonic::time_point start{1h};
  cpus.submit({.since = start}, false);
  cpus.submit({.work = Work::full, .since = start + 1s}, true);
  EXPECT_EQ(cpus.oldest_s(start + 3s), (std::array{3.0, 2.0}));
}

TEST(Ring, GrowsWithoutMixingUpWhatIsInIt) {
  Ring<int> ring;
  int in = 0, out = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 30; ++i) ring.push(in++);
    for (int i = 0; i < 20; ++i) ASSERT_EQ(ring.pop(), out++);
  }
  EXPECT_EQ(ring.size(), 500U);
}

}  // namespace
}  // namespace sluice::tools
