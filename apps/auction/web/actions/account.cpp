#include "apps/auction/web/actions/actions.hpp"
#include "apps/auction/web/format.hpp"
#include "apps/auction/web/identity.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/templates.hpp"
#include "apps/auction/web/views.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::string_view kTitle = "My account";

Unknown login_to_see() {
  return {.form = Interaction::about_me_auth,
          .heading = "Log in to see your account",
          .return_to = "/me",
          .flagged = false};
}

Values user_values(const User& user) {
  Values values;
  values.number("id", user.id).text("member", user.nickname).number("rating", user.rating);
  values.text("region", user.region_name.empty() ? "an unknown region" : region_label(user.region_name));
  values.html("since", Html{utc(user.created)}).html("since_iso", Html{iso8601(user.created)});
  return values;
}

Values::List my_bid_rows(const std::vector<Account::MyBid>& bids, WallSeconds now) {
  Values::List rows;
  for (const Account::MyBid& bid : bids) {
    Values row = item_row(bid.item, now);
    row.html("mine", Html{money(bid.mine)}).flag("winning", bid.winning);
    rows.push_back(std::move(row));
  }
  return rows;
}

Values::List purchase_rows(const std::vector<Account::Purchase>& purchases, WallSeconds now) {
  Values::List rows;
  for (const Account::Purchase& purchase : purchases) {
    Values row = item_row(purchase.item, now);
    row.number("seller", purchase.seller).text("seller_name", shown_name(purchase.seller_name));
    row.number("quantity", purchase.quantity).html("bought", Html{utc(purchase.bought)});
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

Task<http::Response> view_user(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::view_user_info;
  const auto id = id_param(visit, "userId");
  if (!id) co_return failure(visit, kInteraction, 400, "View user", "A member is required.");
  auto user = co_await shop.repository->user(*id);
  if (!user) co_return store_failure(visit, kInteraction, user.error());
  if (!*user) co_return message(visit, kInteraction, 404, "View user", "This user does not exist!");
  auto comments = co_await shop.repository->comments_to(*id);
  if (!comments) co_return store_failure(visit, kInteraction, comments.error());
  Values values = user_values(**user);
  values.list("comments", comment_rows(*comments));
  co_return page(visit, kInteraction, (*user)->nickname, templates().user.render(values));
}

Task<http::Response> about_me_auth(Shop& shop, Visit& visit) {
  if (visit.session) co_return co_await about_me(shop, visit);
  const Unknown login = login_to_see();
  co_return login_page(visit, Interaction::about_me_auth, login.heading, login.return_to);
}

Task<http::Response> about_me(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::about_me;
  auto [person, answer] = co_await identify(shop, visit, kInteraction, login_to_see());
  if (answer) co_return std::move(*answer);
  auto account = co_await shop.repository->account(person->id, visit.now);
  if (!account) co_return store_failure(visit, kInteraction, account.error());
  if (!*account) co_return message(visit, kInteraction, 404, kTitle, "This user does not exist!");
  const Account& mine = **account;
  Values values = user_values(mine.user);
  values.list("bidding", my_bid_rows(mine.bidding, visit.now)).list("won", my_bid_rows(mine.won, visit.now));
  values.list("selling", item_rows(mine.selling, visit.now)).list("sold", item_rows(mine.sold, visit.now));
  values.list("bought_items", purchase_rows(mine.bought, visit.now))
      .list("comments", comment_rows(mine.comments));
  if (visit.session) values.text("everywhere_csrf", visit.csrf());
  co_return page(visit, kInteraction, kTitle, templates().account.render(values));
}

}  // namespace sluice::auction::web
