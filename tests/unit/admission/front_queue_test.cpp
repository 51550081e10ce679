#include "admission/front_queue.hpp"

#include <array>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

using namespace std::chrono_literals;

struct Newcomer final : Waiter {
  explicit Newcomer(char its_name = '?') : name(its_name) {}
  char name;
};

class Queue : public testing::Test {
 protected:
  Newcomer& push(char name, Prefix prefix, std::chrono::milliseconds at = 0ms) {
    queue.push(people.emplace_back(name), prefix, start + at);
    return people.back();
  }
  static char name_of(const Waiter* waiter) {
    return waiter == nullptr ? '-' : static_cast<const Newcomer*>(waiter)->name;
  }
  std::string pop_all() {
    std::string names;
    while (Waiter* waiter = queue.pop()) names += name_of(waiter);
    return names;
  }

  const Monotonic::time_point start{1h};
  std::deque<Newcomer> people;  // outlived by the queue, as connections are
  FrontQueue queue;
};

TEST_F(Queue, IsFirstInFirstOutWithinANetwork) {
  push('a', 1), push('b', 1), push('c', 1);
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(pop_all(), "abc");
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(queue.pop(), nullptr);
}

TEST_F(Queue, NetworksTakeTurns) {
  push('a', 1), push('b', 1), push('c', 1);
  push('x', 2);
  push('y', 3), push('z', 3);
  EXPECT_EQ(pop_all(), "axybzc");
}

TEST_F(Queue, ANetworkThatComesBackStandsAtTheEndOfTheTurn) {
  push('a', 1), push('b', 1), push('x', 2);
  EXPECT_EQ(name_of(queue.pop()), 'a');
  EXPECT_EQ(name_of(queue.pop()), 'x');
  push('y', 2);
  push('z', 3);
  EXPECT_EQ(pop_all(), "byz");
}

TEST_F(Queue, TheNewestOfTheLongestGivesWay) {
  push('a', 1), push('b', 1), push('c', 1);
  push('x', 2), push('y', 2);
  EXPECT_EQ(name_of(queue.displace_for(3)), 'c');
  EXPECT_EQ(queue.size(), 4U);
  EXPECT_EQ(pop_all(), "axby");
}

TEST_F(Queue, NobodyGivesWayToANetworkThatHasAsMuch) {
  push('a', 1), push('b', 1), push('x', 2);
  EXPECT_EQ(queue.displace_for(1), nullptr);  // its own is the longest
  EXPECT_EQ(queue.displace_for(2), nullptr);  // 2 would be as long as 2
  EXPECT_EQ(name_of(queue.displace_for(3)), 'b');
  EXPECT_EQ(queue.displace_for(3), nullptr);
}

TEST_F(Queue, NobodyGivesWayInAnEmptyOne) { EXPECT_EQ(queue.displace_for(1), nullptr); }

TEST_F(Queue, HandsOutWhoWaitedLongest) {
  push('a', 1, 0ms), push('x', 2, 10ms), push('b', 1, 20ms);
  EXPECT_EQ(queue.pop_older(start - 1ms), nullptr);
  EXPECT_EQ(name_of(queue.pop_older(start + 10ms)), 'a');
  EXPECT_EQ(name_of(queue.pop_older(start + 10ms)), 'x');  // at that very moment
  EXPECT_EQ(queue.pop_older(start + 19ms), nullptr);
  EXPECT_EQ(pop_all(), "b");
}

TEST_F(Queue, WhoIsRemovedOrDestroyedIsNotServed) {
  push('a', 1);
  Newcomer& removed = push('b', 2);
  {
    Newcomer gone{'c'};
    queue.push(gone, 3, start);
    EXPECT_TRUE(gone.waiting());
  }
  queue.remove(removed);
  EXPECT_FALSE(removed.waiting());
  queue.remove(removed);  // no longer in it: nothing happens
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(pop_all(), "a");
}

TEST_F(Queue, MayEndBeforeItsWaiters) {
  auto other = std::make_unique<FrontQueue>();
  Newcomer newcomer;
  other->push(newcomer, 1, start);
  other.reset();
  EXPECT_FALSE(newcomer.waiting());
}

TEST_F(Queue, IsNotTheQueueOfAnother) {
  FrontQueue other;
  Newcomer& newcomer = push('a', 1);
  other.remove(newcomer);
  EXPECT_TRUE(newcomer.waiting());
}

/// Nine networks of ten bring a tenth of the crowd. Ten arrive for each that is served, so a fair share is a
/// tenth of what is served: just what each of the nine brings, nearly all of which has to get in.
TEST(QueueProperty, ACrowdDoesNotKeepOthersOut) {
  constexpr std::size_t kPlaces = 64;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random{seed};
    std::deque<Newcomer> people;
    FrontQueue queue;
    double others_came = 0, others_served = 0, served = 0;
    const Monotonic::time_point start{1h};
    for (int step = 0; step < 50'000; ++step) {
      const bool crowd = random() % 10 != 0;
      const Prefix prefix = crowd ? 0 : 1 + random() % 9;
      others_came += crowd ? 0 : 1;
      Newcomer& newcomer = people.emplace_back(crowd ? 'c' : 'o');
      if (queue.size() < kPlaces || queue.displace_for(prefix) != nullptr)
        queue.push(newcomer, prefix, start);
      if (step % 10 != 0) continue;
      const Waiter* next = queue.pop();
      ASSERT_NE(next, nullptr);
      ++served;
      if (static_cast<const Newcomer*>(next)->name == 'o') ++others_served;
    }
    EXPECT_GT(others_served, 0.85 * std::min(served * 0.9, others_came)) << "seed " << seed;
    EXPECT_LE(queue.size(), kPlaces);
  }
}

/// Random pushes, pops and destructions against a list of who waits.
TEST(QueueProperty, LosesAndInventsNobody) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random{seed};
    FrontQueue queue;
    std::vector<std::unique_ptr<Newcomer>> people(100);
    std::size_t waiting = 0;
    Monotonic::time_point now{1h};
    const auto left = [&](const Waiter* who) {
      if (who == nullptr) return;
      ASSERT_FALSE(who->waiting());
      --waiting;
    };
    for (int step = 0; step < 5000; ++step, now += 1ms) {
      auto& one = people[random() % people.size()];
      switch (random() % 6) {
        case 0: left(queue.pop()); break;
        case 1: left(queue.pop_older(now - 50ms)); break;
        case 2: left(queue.displace_for(random() % 5)); break;
        case 3:
          if (one && one->waiting()) --waiting;
          one.reset();
          break;
        default:
          if (!one) one = std::make_unique<Newcomer>();
          if (one->waiting()) break;
          queue.push(*one, random() % 5, now);
          ++waiting;
      }
      ASSERT_EQ(queue.size(), waiting) << "seed " << seed << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace sluice::admission
