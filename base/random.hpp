#pragma once
#include <cmath>
#include <cstdint>
#include <numbers>

/// Randomness that repeats: the same seed gives the same arrivals and the same walks, whatever the scheduling
/// and the number of threads.
namespace sluice {

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): 8 bytes of
/// state, so that each of a million users has a stream of its own. Not for secrets.
class Random {
 public:
  static constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15U;
  /// A bijection that leaves no trace of what its argument had in common with others.
  static constexpr std::uint64_t mix(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  explicit Random(std::uint64_t seed = 0) noexcept : state_(seed) {}
  /// The stream of one user (or one purpose) under a run's seed; streams of neighbours don't resemble each
  /// other.
  static Random stream(std::uint64_t seed, std::uint64_t index) noexcept {
    Random outer{seed};
    return Random{outer.bits() ^ Random{index * kGamma + 1}.bits()};
  }

  std::uint64_t bits() noexcept { return mix(state_ += kGamma); }
  /// Uniform in [0, 1).
  double unit() noexcept { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  /// Uniform in 0 .. n-1; n is at least 1.
  std::uint32_t below(std::uint32_t n) noexcept {
    return static_cast<std::uint32_t>((bits() >> 32) * n >> 32);
  }
  /// Negative exponential with mean 1. By inversion, so that it is the same with every standard library.
  double exponential() noexcept { return -std::log1p(-unit()); }
  /// Standard normal (Box and Muller).
  double normal() noexcept {
    const double radius = std::sqrt(2 * exponential());
    return radius * std::cos(2 * std::numbers::pi * unit());
  }

 private:
  std::uint64_t state_;
};

}  // namespace sluice
