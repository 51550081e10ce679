#pragma once
#include <chrono>
#include <ctime>

/// Two clocks, never mixed: the monotonic one for every timeout and duration, the wall clock only for what
/// people see and for the end of auctions.
namespace sluice {

using Monotonic = std::chrono::steady_clock;
using WallSeconds = std::chrono::sys_seconds;

/// Monotonic time at the kernel's tick (1 to 4 ms), several times cheaper than `Monotonic::now()`. Good
/// enough for deadlines; same epoch as `Monotonic`.
inline Monotonic::time_point coarse_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return Monotonic::time_point{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}

inline WallSeconds wall_now() noexcept {
  return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace sluice
