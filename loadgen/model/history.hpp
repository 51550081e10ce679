#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "loadgen/model/transitions.hpp"

namespace sluice::loadgen {

/// The states a user can go back to, a byte each, as 50,000 users have one. At most as many as RUBiS makes
/// requests; beyond that the oldest is forgotten.
class History {
 public:
  static constexpr std::size_t kMost = 1000;

  void clear() noexcept { states_.clear(); }
  void push(std::uint16_t state) {
    static_assert(Transitions::kStatesMax <= 256, "a state is kept as a byte");
    if (states_.size() == kMost) states_.erase(states_.begin());
    states_.push_back(static_cast<std::uint8_t>(state));
  }
  /// The state to go back to; 0, where sessions start, when there is none.
  std::uint16_t pop() noexcept {
    if (states_.empty()) return 0;
    const std::uint16_t state = states_.back();
    states_.pop_back();
    return state;
  }

 private:
  std::vector<std::uint8_t> states_;
};

}  // namespace sluice::loadgen
