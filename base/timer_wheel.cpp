#include "base/timer_wheel.hpp"

#include <algorithm>

namespace sluice {

std::uint64_t TimerWheel::tick_at_or_after(Monotonic::time_point when) const noexcept {
  if (when <= start_) return 0;
  const auto since = when - start_;
  // Not (since + kTick - 1) / kTick: "never" is time_point::max().
  return static_cast<std::uint64_t>(since / kTick) + (since % kTick != Monotonic::duration::zero() ? 1 : 0);
}

void TimerWheel::arm(Timer& timer, Monotonic::time_point deadline) noexcept {
  timer.unlink();
  timer.due_tick_ = std::max(tick_at_or_after(deadline), tick_ + 1);
  slots_[timer.due_tick_ % kSlots].push_back(timer);
}

void TimerWheel::advance(Monotonic::time_point now) noexcept {
  if (now < start_) return;
  const auto target = static_cast<std::uint64_t>((now - start_) / kTick);
  // After a long pause every slot is looked at once, not once per missed tick.
  if (target > tick_ + kSlots) tick_ = target - kSlots;
  while (tick_ < target) {
    ++tick_;
    Slot due;
    due.splice(due.end(), slots_[tick_ % kSlots]);
    while (!due.empty()) {
      Timer& timer = due.front();
      due.pop_front();
      if (timer.due_tick_ <= tick_) {
        timer.on_expired();
      } else {
        slots_[timer.due_tick_ % kSlots].push_back(timer);  // a later turn of the wheel
      }
    }
  }
}

}  // namespace sluice
