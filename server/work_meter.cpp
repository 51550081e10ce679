#include "server/work_meter.hpp"

#include <algorithm>
#include <ctime>

namespace sluice::server {

namespace {

constexpr double kSmoothing = 0.2;

std::uint64_t thread_cpu_ns() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

std::uint64_t WorkMeter::book(Effort& effort, Work work) noexcept {
  settle(effort);
  Effort& pending = pending_[static_cast<std::size_t>(work)];
  pending.ticks += effort.ticks;
  pending.runs += effort.runs;
  const double ns =
      static_cast<double>(effort.ticks) * tick_ns_ + static_cast<double>(effort.runs) * overhead_ns_;
  effort = {};
  return static_cast<std::uint64_t>(ns);
}

void WorkMeter::pulse(Monotonic::time_point now) noexcept {
  const std::uint64_t now_ticks = ticks();
  const std::uint64_t cpu = thread_cpu_ns();
  const double wall_ns = std::chrono::duration<double, std::nano>(now - pulse_time_).count();
  const bool first = pulse_cpu_ns_ == 0;  // what it took to start is nobody's
  if (wall_ns > 0 && now_ticks > pulse_ticks_) {
    const double used_ns = static_cast<double>(cpu - pulse_cpu_ns_);
    const double per_tick = wall_ns / static_cast<double>(now_ticks - pulse_ticks_);
    const double measured_ns = static_cast<double>(measured_) * per_tick;
    tick_ns_ = measured_ns > used_ns ? per_tick * used_ns / measured_ns : per_tick;
    const double unmeasured_ns = first ? 0 : std::max(0.0, used_ns - measured_ns);
    const double overhead_ns = unmeasured_ns / static_cast<double>(std::max<std::uint64_t>(runs_, 1));
    overhead_ns_ += kSmoothing * (overhead_ns - overhead_ns_);
    const auto cost_ns = [&](std::uint64_t ticks, std::uint64_t runs) {
      return static_cast<double>(ticks) * tick_ns_ + static_cast<double>(runs) * overhead_ns;
    };
    unbooked_ns_ += cost_ns(measured_, effort_runs_);
    for (std::size_t i = 0; i < kWorks; ++i) {
      const double ns = cost_ns(pending_[i].ticks, pending_[i].runs);
      booked_[i].add(static_cast<std::uint64_t>(ns));
      unbooked_ns_ -= ns;
      pending_[i] = {};
    }
    unbooked_ns_ = std::max(0.0, unbooked_ns_);  // late work is booked at the price of a later pulse
    unbooked_.set(static_cast<std::uint64_t>(unbooked_ns_));
    used_.add(cpu - pulse_cpu_ns_);
  }
  measured_ = runs_ = effort_runs_ = 0;
  pulse_ticks_ = now_ticks, pulse_time_ = now, pulse_cpu_ns_ = cpu;
}

}  // namespace sluice::server
