#include "tools/sim/machine.hpp"

#include <cassert>
#include <cmath>

namespace sluice::tools {

void Cpus::resize(double cpus) {
  assert(cpus > 0);
  cpus_ = cpus;
  count_ = static_cast<std::size_t>(std::ceil(cpus));
  speed_ = cpus / static_cast<double>(count_);
}

std::array<double, 2> Cpus::oldest_s(Monotonic::time_point now) const noexcept {
  const auto age = [now](const Ring<Job>& queue) {
    return queue.empty() ? 0 : std::chrono::duration<double>(now - queue.front().since).count();
  };
  return {age(ready_), age(behind_)};
}

std::optional<Cpus::Taken> Cpus::take() noexcept {
  if (running_ >= count_) return std::nullopt;
  if (!ready_.empty()) return Taken{ready_.pop(), false};
  if (!behind_.empty()) return Taken{behind_.pop(), true};
  return std::nullopt;
}

std::uint32_t Cpus::occupy(const Job& job) {
  ++running_;
  if (free_.empty()) {
    jobs_.push_back(job);
    return static_cast<std::uint32_t>(jobs_.size() - 1);
  }
  const std::uint32_t cpu = free_.back();
  free_.pop_back();
  jobs_[cpu] = job;
  return cpu;
}

Job Cpus::release(std::uint32_t cpu) {
  assert(running_ > 0);
  --running_;
  free_.push_back(cpu);
  return jobs_[cpu];
}

}  // namespace sluice::tools
