#include "base/timer_wheel.hpp"

#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;

struct TestTimer final : TimerWheel::Timer {
  std::function<void()> action = [] {};
  int fired = 0;

 private:
  void on_expired() noexcept override {
    ++fired;
    action();
  }
};

class Wheel : public testing::Test {
 protected:
  const Monotonic::time_point start{1h};
  TimerWheel wheel{start};
  TestTimer timer;
};

TEST_F(Wheel, NeverFiresEarlyAndAtMostOneTickLate) {
  wheel.arm(timer, start + 120ms);  // between the ticks at 100 and 150 ms
  wheel.advance(start + 149ms);
  EXPECT_EQ(timer.fired, 0);
  EXPECT_TRUE(timer.armed());
  wheel.advance(start + 150ms);
  EXPECT_EQ(timer.fired, 1);
  EXPECT_FALSE(timer.armed());
}

TEST_F(Wheel, FiresAtTheNextTickWhenTheDeadlineHasPassed) {
  wheel.advance(start + 500ms);
  wheel.arm(timer, start - 1h);
  wheel.advance(start + 500ms);
  EXPECT_EQ(timer.fired, 0);
  wheel.advance(start + 550ms);
  EXPECT_EQ(timer.fired, 1);
}

TEST_F(Wheel, ArmingAgainMovesTheDeadline) {
  wheel.arm(timer, start + 100ms);
  wheel.arm(timer, start + 300ms);
  wheel.advance(start + 250ms);
  EXPECT_EQ(timer.fired, 0);
  wheel.advance(start + 300ms);
  EXPECT_EQ(timer.fired, 1);
}

TEST_F(Wheel, CancelledAndDestroyedTimersDoNotFire) {
  wheel.arm(timer, start + 100ms);
  timer.cancel();
  {
    TestTimer gone;
    wheel.arm(gone, start + 100ms);
  }
  wheel.advance(start + 1s);
  EXPECT_EQ(timer.fired, 0);
}

TEST_F(Wheel, FiresLaterThanOneTurn) {
  wheel.arm(timer, start + 10min);  // a turn has 51.2 s
  for (auto now = start; now < start + 10min; now += 50ms) wheel.advance(now);
  EXPECT_EQ(timer.fired, 0);
  wheel.advance(start + 10min);
  EXPECT_EQ(timer.fired, 1);
}

TEST_F(Wheel, FiresWhatCameDueInAPauseOfManyTurns) {
  TestTimer later;
  wheel.arm(timer, start + 10min);
  wheel.arm(later, start + 1h + 1min);
  wheel.advance(start + 1h);
  EXPECT_EQ(timer.fired, 1);
  EXPECT_EQ(later.fired, 0);
  wheel.advance(start + 1h + 1min);
  EXPECT_EQ(later.fired, 1);
}

TEST_F(Wheel, TakesADeadlineThatNeverComes) {
  wheel.arm(timer, Monotonic::time_point::max());
  wheel.advance(start + 24h);
  EXPECT_EQ(timer.fired, 0);
}

TEST_F(Wheel, IgnoresATimeBeforeItsStart) {
  wheel.arm(timer, start + 50ms);
  wheel.advance(start - 1s);
  EXPECT_EQ(timer.fired, 0);
}

TEST_F(Wheel, AFiringTimerMayArmItself) {
  timer.action = [&] {
    if (timer.fired < 3) wheel.arm(timer, start);
  };
  wheel.arm(timer, start + 50ms);
  wheel.advance(start + 100ms);  // 50 ms: first, 100 ms: second
  EXPECT_EQ(timer.fired, 2);
  wheel.advance(start + 1s);
  EXPECT_EQ(timer.fired, 3);
}

TEST_F(Wheel, AFiringTimerMayDestroyItselfAndOthersOfItsTick) {
  auto own = std::make_unique<TestTimer>();
  auto other = std::make_unique<TestTimer>();
  own->action = [&] {
    other.reset();
    auto* self = own.release();
    self->action = [] {};  // would otherwise be destroyed while it runs
    delete self;
  };
  other->action = [] { FAIL() << "was destroyed before its turn"; };
  wheel.arm(*own, start + 50ms);
  wheel.arm(*other, start + 50ms);
  wheel.advance(start + 50ms);
  EXPECT_EQ(other, nullptr);
  EXPECT_EQ(own, nullptr);
}

/// Seeded sequences of arm, cancel and advance against a list of deadlines.
TEST(WheelProperty, AgreesWithANaiveModel) {
  constexpr std::size_t kTimers = 40;
  const Monotonic::time_point start{1h};
  for (unsigned seed = 1; seed <= 30; ++seed) {
    std::mt19937 random{seed};
    const auto up_to = [&](int most) { return std::uniform_int_distribution{0, most}(random); };
    TimerWheel wheel{start};
    std::vector<TestTimer> timers(kTimers);
    std::vector<std::int64_t> due_tick(kTimers, -1);  // the model: -1 when not armed
    std::vector<int> fired(kTimers, 0);
    std::int64_t tick = 0;
    auto now = start;
    for (int step = 0; step < 2000; ++step) {
      const auto i = static_cast<std::size_t>(up_to(kTimers - 1));
      switch (up_to(3)) {
        case 0:
        case 1: {
          const auto delay = std::chrono::milliseconds{up_to(3) == 0 ? up_to(200'000) : up_to(2'000)};
          wheel.arm(timers[i], now + delay);
          const auto since = std::chrono::ceil<std::chrono::milliseconds>(now + delay - start).count();
          due_tick[i] = std::max((since + 49) / 50, tick + 1);
          break;
        }
        case 2:
          timers[i].cancel();
          due_tick[i] = -1;
          break;
        default:
          now += std::chrono::milliseconds{up_to(50) == 0 ? up_to(150'000) : up_to(300)};
          wheel.advance(now);
          tick = (now - start) / 50ms;
          for (std::size_t k = 0; k < kTimers; ++k) {
            if (due_tick[k] >= 0 && due_tick[k] <= tick) {
              ++fired[k];
              due_tick[k] = -1;
            }
          }
      }
      for (std::size_t k = 0; k < kTimers; ++k) {
        ASSERT_EQ(timers[k].fired, fired[k]) << "seed " << seed << ", step " << step << ", timer " << k;
        ASSERT_EQ(timers[k].armed(), due_tick[k] >= 0);
      }
    }
  }
}

TEST(TimerWheel, TellsWhenATimerIsDue) {
  const auto start = Monotonic::now();
  TimerWheel wheel(start);
  TestTimer timer;
  wheel.arm(timer, start + 60s);
  EXPECT_GE(wheel.deadline(timer), start + 60s);
  EXPECT_LE(wheel.deadline(timer), start + 60s + TimerWheel::kTick);
}

}  // namespace
}  // namespace sluice
