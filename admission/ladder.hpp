#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

/// How newcomers are refused: the kindest way that the CPU still allows.
namespace sluice::admission {

enum class Step : std::uint8_t {
  explain,  ///< The handshake is finished and a page says when to come back.
  alert,    ///< Fatal alert internal_error(80) in answer to the hello.
  reset,    ///< RST.
  count
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Step::count)> kStepNames{
    "explain", "alert", "reset"};

struct LadderSettings {
  /// Shares of the CPUs that each step may take.
  double explain = 0.03, alert = 0.03, reset = 0.04;
  /// That of `reset` while clients that resume are among those that wait to be accepted: they can't be told
  /// apart but by looking.
  double reset_among_resuming = 0.20;
};

/// One per processor. A budget is a bucket of CPU seconds, filled with its share of the time and emptied by
/// what refusals are measured to cost. What was spent beyond it is paid off, up to as much as it holds.
class Ladder {
 public:
  using Instant = Monotonic::time_point;
  explicit Ladder(LadderSettings settings = {}) noexcept;

  /// CPUs this processor has, and what a refusal of each kind costs, in CPU seconds.
  void follow(double cpus, const std::array<double, static_cast<std::size_t>(Step::count)>& costs,
              bool resuming_seen) noexcept;

  /// The kindest step that is affordable, `reset` when none is; its cost is booked. Of the budget for
  /// explaining, half is kept for those who are `expected`, having been told to come back.
  Step choose(Instant now, bool expected = true) noexcept;
  /// choose() would explain.
  bool can_explain(Instant now, bool expected = true) noexcept;
  /// Books a step that was not for choose() to decide.
  void book(Step step, Instant now) noexcept;
  /// Even resetting is beyond the budget: better not to accept for a moment, and let the short kernel queue
  /// drop them.
  bool exhausted(Instant now) noexcept;

 private:
  double per_s(Step step) const noexcept;  // CPU seconds that it may take each second
  void refill(Instant now) noexcept;

  LadderSettings settings_;
  double cpus_ = 1;
  bool resuming_seen_ = false;
  std::array<double, static_cast<std::size_t>(Step::count)> costs_{350e-6, 35e-6, 18e-6};
  std::array<double, static_cast<std::size_t>(Step::count)> buckets_{};  // CPU seconds
  Instant refilled_{};
};

}  // namespace sluice::admission
