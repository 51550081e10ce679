#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/random.hpp"

/// What RUBiS' client looks for in a page (facts: RUBiS 1.4.3, UserSession).
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
  std::int32_t max_qty = -1;         ///< `name=maxQty value=`
  float min_bid = -1;                ///< `name=minBid value=`
  std::int32_t to_value = -1;        ///< `name=to value=`
};

/// Numbers that are no numbers count as absent: a page is foreign input.
PageFacts read_page(std::string_view page, Random& random) noexcept;

/// The paths of `<IMG SRC="/...">`, in order, at most `most`; with `any_case`, `<img src=` as well.
std::vector<std::string> images_of(std::string_view page, std::size_t most);

/// Seconds of a `<meta http-equiv="refresh" content="N...">`, case-insensitively.
std::optional<std::uint32_t> refresh_of(std::string_view page) noexcept;

}  // namespace sluice::loadgen
