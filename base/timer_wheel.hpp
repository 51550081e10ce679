#pragma once
#include <array>
#include <chrono>
#include <cstdint>

#include <boost/intrusive/list.hpp>

#include "base/clock.hpp"

/// Deadlines of many connections at the price of a list operation each.
namespace sluice {

/// A hashed timing wheel (Varghese & Lauck 1987, scheme 6): arming, re-arming and cancelling are O(1) and
/// allocate nothing. Deadlines are rounded up to the next tick, so a timer never fires early and at most one
/// tick late. Belongs to one thread. It reads no clock: the owner calls `advance(now)` about once a tick.
class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{50};

  /// Derive from it (or own one) and arm it; destruction disarms it.
  class Timer
      : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    bool armed() const noexcept { return is_linked(); }
    void cancel() noexcept { unlink(); }

   protected:
    virtual ~Timer() = default;
    /// Called once when the deadline has passed, already disarmed; may arm itself or destroy itself.
    virtual void on_expired() noexcept = 0;

   private:
    friend class TimerWheel;
    std::uint64_t due_tick_ = 0;
  };

  explicit TimerWheel(Monotonic::time_point now) noexcept : start_(now) {}

  /// (Re-)arms `timer`, which must outlive its being armed.
  void arm(Timer& timer, Monotonic::time_point deadline) noexcept;
  /// Of an armed timer; up to a tick later than it was asked for.
  Monotonic::time_point deadline(const Timer& timer) const noexcept {
    return start_ + timer.due_tick_ * kTick;
  }
  /// Fires everything due up to `now`.
  void advance(Monotonic::time_point now) noexcept;

 private:
  using Slot = boost::intrusive::list<Timer, boost::intrusive::constant_time_size<false>>;
  static constexpr std::size_t kSlots = 1024;  // 51 s a turn: most timeouts never see a second one

  std::uint64_t tick_at_or_after(Monotonic::time_point when) const noexcept;

  Monotonic::time_point start_;
  std::uint64_t tick_ = 0;  // everything due at or before it has fired
  std::array<Slot, kSlots> slots_;
};

}  // namespace sluice
