#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"

/// What RUBiS' client looks for in a page (facts: RUBiS 1.4.3, UserSession), and what browsers do. A page is
/// foreign input: everything is bounded, and the time taken grows with its size only.
namespace sluice::loadgen {

/// Everything a session needs of the last page, in a few bytes, so that 50,000 thinking users need not keep
/// pages.
struct PageFacts {
  bool error = false;                ///< The mark ERROR.
  bool sorry = false;                ///< The mark Sorry.
  std::int32_t item_id = -1;         ///< One of all `itemId=`, picked uniformly; -1: none.
  std::int32_t pages[2] = {-1, -1};  ///< The first two `&page=`.
  std::int32_t user_id = -1;         ///< First `userId=`.
  std::int32_t to = -1;              ///< First `to=`.
  std::int32_t max_qty = -1;         ///< First `name=maxQty value=`
  float min_bid = -1;                ///< First `name=minBid value=`; finite.
  std::int32_t to_value = -1;        ///< First `name=to value=`
};

/// A number runs to the first of `"`, `?`, `&`, `>`. One that is no number, or is not ended so, kills RUBiS'
/// thread; here it counts as absent. It still is the first of its kind: no later one stands in for it, but of
/// two pages the good one is `pages[0]`, and items are picked among the good ones.
PageFacts read_page(std::string_view page, Random& random) noexcept;

/// The paths of `<IMG SRC="/...">`, in order, at most `most`; with `any_case`, those of every `img` element,
/// whatever the case, the order of its attributes and their quotes. Only what can stand in a request is
/// taken: absolute paths of visible ASCII up to 2,048 characters, without their fragment.
std::vector<std::string> images_of(std::string_view page, std::size_t most, bool any_case = false);

/// Seconds of the first `<meta http-equiv="refresh" content="N...">`, case-insensitively.
std::optional<std::uint32_t> refresh_of(std::string_view page) noexcept;

}  // namespace sluice::loadgen
