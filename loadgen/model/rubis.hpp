#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "loadgen/model/page_facts.hpp"

/// The auction site as RUBiS' client drives it (facts: RUBiS 1.4.3). All texts are our own.
namespace sluice::loadgen {

/// In the order of RUBiS' tables.
enum class Interaction : std::uint8_t {
  home,
  register_form,
  register_user,
  browse,
  browse_categories,
  search_in_category,
  browse_regions,
  browse_categories_in_region,
  search_in_region,
  view_item,
  view_user,
  view_bid_history,
  buy_now_auth,
  buy_now,
  store_buy_now,
  put_bid_auth,
  put_bid,
  store_bid,
  put_comment_auth,
  put_comment,
  store_comment,
  sell,
  select_category_to_sell,
  sell_item_form,
  register_item,
  about_me_auth,
  about_me,
};
inline constexpr std::array<std::string_view, 27> kInteractionNames{
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
};
/// By the name above, or as RUBiS' own files spell it: "StoreBuyBow", "AboutMe (auth form)".
std::optional<Interaction> interaction_of(std::string_view name) noexcept;

/// Size of the shop, for the values that RUBiS' client makes up (user names, categories, regions).
struct ShopSize {
  std::uint32_t users = 1'000'000;
  std::uint32_t items = 32'667;  ///< Open and ended ones.
  std::uint32_t items_per_page = 20;
};

/// Who the user of a session is, and what he saw last.
struct Shopper {
  std::uint32_t id =
      0;  ///< 0 .. users - 1; the nickname is user<id + 1>. RUBiS sends this number as user ID.
  std::int32_t last_item = -1;
  std::int32_t last_user = -1;
};

/// The request for `interaction` (origin form) after a page with `facts`, with RUBiS' parameters in its order
/// and its values at random. None where RUBiS steps back instead: ViewItem and PutBid without any item,
/// ViewUserInfo without any user. Keeps the item and user it used in `shopper`.
std::optional<std::string> request_for(Interaction interaction, const PageFacts& facts, const ShopSize& shop,
                                       Shopper& shopper, Random& random);

/// As java.lang.Float prints it, with a '+' before a positive exponent as RUBiS' client puts there: "123.0",
/// "1.0E+7".
std::string java_float(float value);
/// As java.net.URLEncoder.
std::string java_url_encode(std::string_view text);

inline constexpr std::array<std::string_view, 20> kCategories{
    "Antiques & Art",
    "Books",
    "Business, Office & Industrial",
    "Clothing & Accessories",
    "Coins",
    "Collectibles",
    "Computers",
    "Consumer Electronics",
    "Dolls & Bears",
    "Home & Garden",
    "Jewelry, Gems & Watches",
    "Movies & Television",
    "Music",
    "Photo",
    "Pottery & Glass",
    "Sports",
    "Stamps",
    "Tickets & Travel",
    "Toys & Hobbies",
    "Everything Else",
};
/// Of the embedded file; "MA--Boston " keeps its trailing blank.
const std::vector<std::string>& regions();

}  // namespace sluice::loadgen
