#pragma once
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include "base/clock.hpp"
#endif

/// The cheapest clock there is, for measuring short pieces of work relative to each other.
namespace sluice {

/// Counts at a constant rate that is not known (about a nanosecond or less each). A tenth of the price of
/// `Monotonic::now()` on x86-64; differs between processors only on very old machines, and is only compared
/// on one thread.
inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(Monotonic::now().time_since_epoch().count());
#endif
}

}  // namespace sluice
