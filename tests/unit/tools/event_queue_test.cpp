#include "tools/sim/event_queue.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;
using Instant = Monotonic::time_point;

constexpr Instant kStart{1h};

TEST(EventQueue, GivesEventsInTheOrderOfTheirTime) {
  EventQueue<int> queue{kStart};
  queue.push(kStart + 2s, 2);
  queue.push(kStart + 1us, 1);
  queue.push(kStart + 10min, 3);  // several years of its calendar ahead
  for (const int expected : {1, 2, 3}) EXPECT_EQ(queue.pop().event, expected);
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, KeepsTheOrderOfEventsOfTheSameMoment) {
  EventQueue<int> queue{kStart};
  for (int i = 0; i < 100; ++i) queue.push(kStart + 5s, i);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(queue.pop().event, i);
}

TEST(EventQueue, TakesEventsOfTheMomentUnderWay) {
  EventQueue<int> queue{kStart};
  queue.push(kStart + 3s, 1);
  const auto now = queue.pop().at;
  queue.push(now + 1s, 3);
  queue.push(now, 2);
  EXPECT_EQ(queue.pop().event, 2);
  EXPECT_EQ(queue.pop().event, 3);
}

// Against a sorted list, with waits from nothing to several years.
TEST(EventQueue, NeverGoesBackInTimeAndLosesNothing) {
  EventQueue<int> queue{kStart};
  Random random{1};
  Instant now = kStart;
  int put = 0, taken = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (queue.empty() || random.unit() < 0.6) {
      const double wait_s = std::pow(10.0, random.unit() * 11 - 8);  // 10 ns to 1000 s
      queue.push(now + std::chrono::nanoseconds{std::llround(1e9 * wait_s)}, put++);
    } else {
      const auto due = queue.pop();
      ASSERT_GE(due.at, now);
      now = due.at;
      ++taken;
    }
  }
  while (!queue.empty()) {
    const auto due = queue.pop();
    ASSERT_GE(due.at, now);
    now = due.at;
    ++taken;
  }
  EXPECT_EQ(put, taken);
}

}  // namespace
}  // namespace sluice::tools
