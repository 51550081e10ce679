#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "loadgen/outcome.hpp"
#include "loadgen/random.hpp"

/// How real clients come back after a refusal (measured behaviours: docs/measuring.md).
namespace sluice::loadgen {

enum class Retry { none, browser, curl, urllib3 };
std::optional<Retry> parse_retry(std::string_view name) noexcept;
std::string_view name_of(Retry retry) noexcept;

/// What a client saw of a try to get one page.
struct Refusal {
  Cause cause = Cause::rst;
  unsigned tries = 1;                               ///< Tries of this page so far, this one included.
  std::optional<std::chrono::seconds> retry_after;  ///< From the 503.
  std::optional<std::chrono::seconds> refresh;  ///< The page's own reload (Refresh field or meta element).
};

/// How long to wait before the next try; none gives up. Pure but for `random` (jitter).
std::optional<std::chrono::nanoseconds> next_try(Retry model, const Refusal& refusal,
                                                 Random& random) noexcept;

}  // namespace sluice::loadgen
