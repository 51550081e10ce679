#pragma once
#include "apps/auction/web/interactions.hpp"
#include "apps/auction/web/shop.hpp"

/// What the shop does, by topic: one function per page or step. Which URLs lead to it is in routes.cpp; the
/// rules that RUBiS' client relies on are in rubis.md sections 1 and 2.
namespace sluice::auction::web {

using Action = Task<http::Response> (*)(Shop& shop, Visit& visit);

// browse.cpp
Task<http::Response> home(Shop& shop, Visit& visit);
Task<http::Response> browse(Shop& shop, Visit& visit);
/// All categories; with `region` those of a region; for RUBiS' client with `nickname` those to sell in.
Task<http::Response> browse_categories(Shop& shop, Visit& visit);
Task<http::Response> browse_regions(Shop& shop, Visit& visit);

// search.cpp
/// `region` and `category`, `category` alone, or the words `q`.
Task<http::Response> search(Shop& shop, Visit& visit);
Task<http::Response> search_category(Shop& shop, Visit& visit);
Task<http::Response> search_region(Shop& shop, Visit& visit);

// item.cpp
Task<http::Response> view_item(Shop& shop, Visit& visit);
Task<http::Response> bid_history(Shop& shop, Visit& visit);

// bid.cpp
Task<http::Response> put_bid_auth(Shop& shop, Visit& visit);
Task<http::Response> put_bid(Shop& shop, Visit& visit);
Task<http::Response> store_bid(Shop& shop, Visit& visit);

// buy.cpp
Task<http::Response> buy_now_auth(Shop& shop, Visit& visit);
Task<http::Response> buy_now(Shop& shop, Visit& visit);
Task<http::Response> store_buy_now(Shop& shop, Visit& visit);

// comment.cpp
Task<http::Response> put_comment_auth(Shop& shop, Visit& visit);
Task<http::Response> put_comment(Shop& shop, Visit& visit);
Task<http::Response> store_comment(Shop& shop, Visit& visit);

// sell.cpp
Task<http::Response> sell(Shop& shop, Visit& visit);
Task<http::Response> sell_item_form(Shop& shop, Visit& visit);
Task<http::Response> register_item(Shop& shop, Visit& visit);
/// The page that leads to the form, a link per category.
http::Response categories_to_sell_in(Shop& shop, Visit& visit, Id rubis_user);

// register.cpp
Task<http::Response> register_form(Shop& shop, Visit& visit);
Task<http::Response> register_user(Shop& shop, Visit& visit);

// account.cpp
Task<http::Response> view_user(Shop& shop, Visit& visit);
Task<http::Response> about_me_auth(Shop& shop, Visit& visit);
Task<http::Response> about_me(Shop& shop, Visit& visit);

// login.cpp
Task<http::Response> login_form(Shop& shop, Visit& visit);
Task<http::Response> login(Shop& shop, Visit& visit);
Task<http::Response> logout_form(Shop& shop, Visit& visit);
Task<http::Response> logout(Shop& shop, Visit& visit);
Task<http::Response> logout_everywhere(Shop& shop, Visit& visit);
/// Begins a login under a fresh secret and sends the browser on to `path`.
Task<http::Response> logged_in(Shop& shop, Visit& visit, Interaction interaction, Id user,
                               std::string nickname, std::string path);

}  // namespace sluice::auction::web
