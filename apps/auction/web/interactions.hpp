#pragma once
#include <cstdint>
#include <span>
#include <string_view>

/// What a request is counted as.
namespace sluice::auction::web {

/// RUBiS' 27 client states in their order (rubis.md section 1), and what only people do.
enum class Interaction : std::uint16_t {
  other,
  home,
  register_form,
  register_user,
  browse,
  browse_categories,
  search_items_in_category,
  browse_regions,
  browse_categories_in_region,
  search_items_in_region,
  view_item,
  view_user_info,
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
  select_category_to_sell_item,
  sell_item_form,
  register_item,
  about_me_auth,
  about_me,
  search,
  login,
  logout,
  picture,
};

/// Labels by the number of the interaction; see server::App::interactions().
std::span<const std::string_view> interaction_names() noexcept;

/// After this page a visitor is about to buy or to bid, which must not be lost.
constexpr bool leads_to_a_deal(Interaction interaction) noexcept {
  switch (interaction) {
    case Interaction::buy_now_auth:
    case Interaction::buy_now:
    case Interaction::put_bid_auth:
    case Interaction::put_bid: return true;
    default: return false;
  }
}

}  // namespace sluice::auction::web
