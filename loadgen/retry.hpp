#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/random.hpp"
#include "loadgen/outcome.hpp"

/// How real clients come back after a refusal (measured behaviours: docs/measuring.md).
namespace sluice::loadgen {

/// * `none` gives up.
/// * `browser` (Chromium): after rst or fin a page load makes a second connection at once, and the page is
/// loaded again
///   after 1, 5, 30 and 60 s; an alert gets the second connection but no reload; of a 503 only the page's own
///   refresh is heeded, at most 10 times, never Retry-After.
/// * `curl` (`--retry 2`): rst, fin, alert: gives up; 503: two more tries, after Retry-After, else 1 s, then
/// 2 s.
/// * `urllib3` (`Retry(2, 503)`): rst, fin, alert: two more tries, at once, then after 0.2 to 0.3 s; 503:
/// after
///   Retry-After, else the same.
///
/// 429 counts as 503. Nobody tries again after a timeout (the person has left) or after anything else: that
/// is no refusal.
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

/// How long to wait before the next try; none gives up. Pure but for `random` (jitter). A wait that the
/// server asks for is at least 0 and at most 6 hours. A browser's tries are told apart by their number alone:
/// those with an odd one are the first connection of a page load.
std::optional<std::chrono::nanoseconds> next_try(Retry model, const Refusal& refusal,
                                                 Random& random) noexcept;

}  // namespace sluice::loadgen
