#include "apps/auction/web/interactions.hpp"

#include <array>

namespace sluice::auction::web {

std::span<const std::string_view> interaction_names() noexcept {
  static constexpr auto kNames = std::to_array<std::string_view>({
      "other",
      "Home",
      "Register",
      "RegisterUser",
      "Browse",
      "BrowseCategories",
      "SearchItemsInCategory",
      "BrowseRegions",
      "BrowseCategoriesInRegion",
      "SearchItemsInRegion",
      "ViewItem",
      "ViewUserInfo",
      "ViewBidHistory",
      "BuyNowAuth",
      "BuyNow",
      "StoreBuyNow",
      "PutBidAuth",
      "PutBid",
      "StoreBid",
      "PutCommentAuth",
      "PutComment",
      "StoreComment",
      "Sell",
      "SelectCategoryToSellItem",
      "SellItemForm",
      "RegisterItem",
      "AboutMeAuth",
      "AboutMe",
      "Search",
      "Login",
      "Logout",
      "Picture",
  });
  static_assert(kNames.size() == static_cast<std::size_t>(Interaction::picture) + 1);
  return kNames;
}

}  // namespace sluice::auction::web
