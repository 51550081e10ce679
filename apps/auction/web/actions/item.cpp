#include <algorithm>

#include "apps/auction/web/actions/actions.hpp"
#include "apps/auction/web/format.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/templates.hpp"
#include "apps/auction/web/views.hpp"

namespace sluice::auction::web {

namespace {

/// How a member stands in an auction. Accepted bids strictly rise, so the newest leads.
void add_standing(Values& values, const std::vector<Bid>& bids, Id user) {
  const auto mine =
      std::find_if(bids.begin(), bids.end(), [user](const Bid& bid) { return bid.user == user; });
  if (mine == bids.end()) return;
  values.flag(mine == bids.begin() ? "winning" : "outbid", true);
  values.html("my_bid", Html{money(mine->amount)}).html("my_bid_placed", Html{utc(mine->placed)});
}

}  // namespace

Task<http::Response> view_item(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::view_item;
  const auto id = id_param(visit, "itemId");
  if (!id) co_return failure(visit, kInteraction, 400, "View item", "An item is required.");
  // Members see how they stand in this auction; to everybody else it looks the same.
  const bool common = !visit.session;
  const PageKey key{kInteraction, visit.family, {*id}};
  if (common) {
    if (auto kept = kept_page(shop, visit, key)) co_return std::move(*kept);
  }
  const Revision revision = shop.repository->revision();
  auto found = co_await shop.repository->item(*id);
  if (!found) co_return store_failure(visit, kInteraction, found.error());
  if (!*found) co_return message(visit, kInteraction, 404, "View item", "This item does not exist!");
  const Item& item = **found;

  Values values = item_values(item, visit.now);
  values.text("description", item.description);
  if (visit.session) {
    values.flag("own", visit.session->login.user == item.seller);
    if (item.bids > 0) {
      auto bids = co_await shop.repository->bids(*id);
      if (!bids) co_return store_failure(visit, kInteraction, bids.error());
      add_standing(values, *bids, visit.session->login.user);
    }
  }
  const std::string body = templates().item.render(values);
  if (common) {
    shop.pages.keep({.key = key,
                     .title = item.name,
                     .body = body,
                     .topics = {{Topic::Kind::item, *id}, {Topic::Kind::user, item.seller}},
                     .revision = revision,
                     .from = visit.now,
                     .until = time_left_changes(item.ends, visit.now)},
                    *shop.repository);
  }
  co_return page(visit, kInteraction, item.name, body);
}

Task<http::Response> bid_history(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::view_bid_history;
  const auto id = id_param(visit, "itemId");
  if (!id) co_return failure(visit, kInteraction, 400, "Bid history", "An item is required.");
  auto item = co_await shop.repository->item(*id);
  if (!item) co_return store_failure(visit, kInteraction, item.error());
  if (!*item) co_return message(visit, kInteraction, 404, "Bid history", "This item does not exist!");
  auto bids = co_await shop.repository->bids(*id);
  if (!bids) co_return store_failure(visit, kInteraction, bids.error());
  Values values = item_values(**item, visit.now);
  values.list("rows", bid_rows(*bids)).flag("cut", std::ssize(*bids) == kListMax);
  co_return page(visit, kInteraction, "Bid history of " + (*item)->name, templates().bids.render(values));
}

}  // namespace sluice::auction::web
