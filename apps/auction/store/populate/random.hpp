#pragma once
#include <cstdint>

#include "base/random.hpp"

namespace sluice::auction::population {

/// What a stream of numbers is for: each row of each table has its own, so that it can be made again, or in
/// any order.
enum class Stream : std::uint64_t { user = 1, item, bids, comment, text };

/// The same numbers on every machine, unlike the distributions of <random>.
class Random {
 public:
  Random(std::uint64_t seed, Stream stream, std::uint64_t row) noexcept
      : bits_(mix(mix(seed + static_cast<std::uint64_t>(stream) * kGamma) + row * kGamma)) {}

  std::uint64_t next() noexcept { return bits_.bits(); }

  /// Uniform from `low` to `high`, both included; at most 2^32 values.
  std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
    const auto values = static_cast<std::uint64_t>(high - low) + 1;
    return low + static_cast<std::int64_t>(((next() >> 32) * values) >> 32);
  }
  /// One element of something with size() and [].
  template <class List>
  const auto& pick(const List& list) noexcept {
    return list[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(list.size()) - 1))];
  }

 private:
  static constexpr std::uint64_t kGamma = sluice::Random::kGamma;
  static constexpr auto mix = sluice::Random::mix;

  sluice::Random bits_;
};

}  // namespace sluice::auction::population
