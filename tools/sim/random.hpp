#pragma once
#include <cmath>
#include <cstdint>
#include <numbers>

namespace sluice::tools {

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): 8 bytes of
/// state, so that each visitor has a stream of its own, and meets every policy with the same habits.
class Random {
 public:
  explicit Random(std::uint64_t seed = 0) noexcept : state_(seed) {}

  std::uint64_t bits() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, 1).
  double unit() noexcept { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  /// Uniform in 0 .. n-1; n is at least 1.
  std::uint32_t below(std::uint32_t n) noexcept {
    return static_cast<std::uint32_t>((bits() >> 32) * n >> 32);
  }
  /// Negative exponential with mean 1.
  double exponential() noexcept { return -std::log1p(-unit()); }
  /// Standard normal (Box and Muller).
  double normal() noexcept {
    const double radius = std::sqrt(2 * exponential());
    return radius * std::cos(2 * std::numbers::pi * unit());
  }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::tools
