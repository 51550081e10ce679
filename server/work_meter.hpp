#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "base/ticks.hpp"
#include "server/counters.hpp"

/// What a processor spends its CPU time on.
namespace sluice::server {

/// Work of one connection that has not been booked yet: what it turns out to have been is known afterwards.
struct Effort {
  std::uint64_t ticks = 0;  ///< Between resumption and suspension.
  std::uint64_t runs = 0;   ///< Times the event loop ran something for it.
};

/// One per processor, used on its thread. The thread's CPU clock is a system call (over 1 µs), so it is read
/// once a pulse; in between only ticks are counted, and scaled by what the CPU clock says: a preempted or
/// throttled thread's ticks are more than its CPU time. CPU time outside of all efforts (the event loop
/// itself) is shared out by the number of runs. What is left of the process' CPU time is `Work::other`, which
/// nobody books.
class WorkMeter {
 public:
  /// Books into these counters: nanoseconds by kind of work, those that are still to be booked, and all CPU
  /// time of the thread.
  WorkMeter(std::array<Counter, kWorks>& booked, Counter& unbooked, Counter& used) noexcept
      : booked_(booked), unbooked_(unbooked), used_(used) {}

  /// What runs from now on is work on `effort`, until the event loop goes on or somebody else starts.
  void start(Effort& effort) noexcept {
    const std::uint64_t now = ticks();
    if (current_ != nullptr) add(now);
    current_ = &effort;
    started_ = now;
    ++effort.runs;
    ++effort_runs_;
  }
  /// The event loop goes on.
  void stop() noexcept {
    ++runs_;
    if (current_ == nullptr) return;
    add(ticks());
    current_ = nullptr;
  }
  /// Work that was done since `started`, for an effort that did not exist yet.
  void credit(Effort& effort, std::uint64_t started) noexcept {
    const std::uint64_t spent = ticks() - started;
    effort.ticks += spent;
    measured_ += spent;
  }
  /// What the effort has cost until now is in it.
  void settle(Effort& effort) noexcept {
    if (current_ != &effort) return;
    const std::uint64_t now = ticks();
    add(now);
    started_ = now;
  }
  /// It is about to be destroyed, booked.
  void forget(const Effort& effort) noexcept {
    if (current_ == &effort) current_ = nullptr;
  }

  /// Books the effort as work of this kind and clears it. Returns about its CPU time in nanoseconds; exact is
  /// what is booked, with the next pulse.
  std::uint64_t book(Effort& effort, Work work) noexcept;

  /// Reads the thread's CPU clock. About every 25 ms.
  void pulse(Monotonic::time_point now) noexcept;

 private:
  void add(std::uint64_t now) noexcept {
    const std::uint64_t spent = now - started_;
    current_->ticks += spent;
    measured_ += spent;
  }

  std::array<Counter, kWorks>& booked_;
  Counter& unbooked_;
  Counter& used_;
  Effort* current_ = nullptr;
  std::uint64_t started_ = 0;
  std::array<Effort, kWorks> pending_{};  // booked since the last pulse
  // since the last pulse
  std::uint64_t measured_ = 0;
  std::uint64_t runs_ = 0;         // of the event loop
  std::uint64_t effort_runs_ = 0;  // those that were for an effort
  // of the last pulse; before the first, of the beginning
  std::uint64_t pulse_ticks_ = ticks();
  Monotonic::time_point pulse_time_ = Monotonic::now();
  std::uint64_t pulse_cpu_ns_ = 0;
  double tick_ns_ = 1;      // CPU nanoseconds for each tick of an effort
  double overhead_ns_ = 0;  // of the event loop, for each run, smoothed
  double unbooked_ns_ = 0;
};

}  // namespace sluice::server
