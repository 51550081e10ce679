#include "apps/auction/web/routes.hpp"

#include <array>
#include <unordered_map>

namespace sluice::auction::web {

namespace {

#define RUBIS_PAGE(name) "/rubis_servlets/" name ".html"
#define RUBIS_SERVLET(name) "/rubis_servlets/servlet/edu.rice.rubis.servlets." name

constexpr Family kPeople = Family::people;
constexpr Family kRubis = Family::rubis;

constexpr auto kRoutes = std::to_array<Route>({
    {"/", kPeople, home},
    {"/browse", kPeople, browse},
    {"/browse/categories", kPeople, browse_categories},
    {"/browse/regions", kPeople, browse_regions},
    {"/search", kPeople, search},
    {"/item", kPeople, view_item},
    {"/bids", kPeople, bid_history},
    {"/user", kPeople, view_user},
    {"/bid", kPeople, put_bid, store_bid},
    {"/buy", kPeople, buy_now, store_buy_now},
    {"/comment", kPeople, put_comment, store_comment},
    {"/sell", kPeople, sell, register_item},
    {"/register", kPeople, register_form, register_user},
    {"/me", kPeople, about_me},
    {"/login", kPeople, login_form, login},
    {"/logout", kPeople, logout_form, logout},
    {"/logout/everywhere", kPeople, nullptr, logout_everywhere},

    {RUBIS_PAGE("index"), kRubis, home},
    {RUBIS_PAGE("register"), kRubis, register_form},
    {RUBIS_PAGE("browse"), kRubis, browse},
    {RUBIS_PAGE("sell"), kRubis, sell},
    {RUBIS_PAGE("about_me"), kRubis, about_me_auth},
    {RUBIS_SERVLET("RegisterUser"), kRubis, register_user, register_user},
    {RUBIS_SERVLET("BrowseCategories"), kRubis, browse_categories, browse_categories},
    {RUBIS_SERVLET("BrowseRegions"), kRubis, browse_regions},
    {RUBIS_SERVLET("SearchItemsByCategory"), kRubis, search_category, search_category},
    {RUBIS_SERVLET("SearchItemsByRegion"), kRubis, search_region, search_region},
    {RUBIS_SERVLET("ViewItem"), kRubis, view_item, view_item},
    {RUBIS_SERVLET("ViewUserInfo"), kRubis, view_user, view_user},
    {RUBIS_SERVLET("ViewBidHistory"), kRubis, bid_history, bid_history},
    {RUBIS_SERVLET("BuyNowAuth"), kRubis, buy_now_auth, buy_now_auth},
    {RUBIS_SERVLET("BuyNow"), kRubis, buy_now, buy_now},
    {RUBIS_SERVLET("StoreBuyNow"), kRubis, store_buy_now, store_buy_now},
    {RUBIS_SERVLET("PutBidAuth"), kRubis, put_bid_auth, put_bid_auth},
    {RUBIS_SERVLET("PutBid"), kRubis, put_bid, put_bid},
    {RUBIS_SERVLET("StoreBid"), kRubis, store_bid, store_bid},
    {RUBIS_SERVLET("PutCommentAuth"), kRubis, put_comment_auth, put_comment_auth},
    {RUBIS_SERVLET("PutComment"), kRubis, put_comment, put_comment},
    {RUBIS_SERVLET("StoreComment"), kRubis, store_comment, store_comment},
    {RUBIS_SERVLET("SellItemForm"), kRubis, sell_item_form, sell_item_form},
    {RUBIS_SERVLET("RegisterItem"), kRubis, register_item, register_item},
    {RUBIS_SERVLET("AboutMe"), kRubis, about_me, about_me},
});

#undef RUBIS_PAGE
#undef RUBIS_SERVLET

}  // namespace

std::span<const Route> routes() noexcept { return kRoutes; }

const Route* find_route(std::string_view path) noexcept {
  static const auto by_path = [] {
    std::unordered_map<std::string_view, const Route*> map;
    for (const Route& route : kRoutes) map.emplace(route.path, &route);
    return map;
  }();
  const auto found = by_path.find(path);
  return found != by_path.end() ? found->second : nullptr;
}

}  // namespace sluice::auction::web
