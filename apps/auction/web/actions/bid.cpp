#include "apps/auction/store/rules.hpp"
#include "apps/auction/web/actions/actions.hpp"
#include "apps/auction/web/format.hpp"
#include "apps/auction/web/identity.hpp"
#include "apps/auction/web/numbers.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/templates.hpp"
#include "apps/auction/web/views.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::string_view kTitle = "Place a bid";

std::string bid_path(Id item) { return "/bid?itemId=" + std::to_string(item); }
std::string item_path(Id item) { return "/item?itemId=" + std::to_string(item); }

Unknown login_to_bid(Id item) {
  return {.form = Interaction::put_bid_auth, .heading = "Log in to bid", .return_to = bid_path(item)};
}

/// What a person typed, shown again when something is wrong with it.
struct Typed {
  std::string amount, quantity;
};

http::Response bid_form(Visit& visit, Interaction interaction, const Item& item, const Person& person,
                        const FormErrors& errors, const Typed& typed, std::string_view notice) {
  Values values = item_values(item, visit.now);
  const bool as_rubis_client = visit.rubis_client && !visit.session;
  values.text("action",
              as_rubis_client ? "/rubis_servlets/servlet/edu.rice.rubis.servlets.StoreBid" : "/bid");
  values.flag("as_rubis_client", as_rubis_client)
      .number("user", person.id)
      .text("notice", std::string{notice});
  values.text("amount", typed.amount).text("wanted", typed.quantity).flag("own", person.id == item.seller);
  add_form_tokens(values, visit);
  errors.show_in(values);
  return page(visit, interaction, "Bid on " + item.name, templates().bid_form.render(values));
}

/// What to tell the bidder.
std::string sentence(const BidOutcome& outcome) {
  switch (outcome.result) {
    case BidResult::accepted: return "Your bid was accepted. You are the highest bidder.";
    case BidResult::outbid:
      return "You have been outbid: the next bid has to be at least " + money(outcome.minimum) + ".";
    case BidResult::ended: return "This auction has ended. Your bid came too late and was not recorded.";
    case BidResult::no_such_item: return "This item does not exist!";
    case BidResult::bad_quantity:
      return "There are not that many of this item left. Your bid was not recorded.";
    case BidResult::own_item: return "This is your own item: you can't bid on it.";
  }
  return {};
}

http::Response bid_done(Visit& visit, Id item, const BidOutcome& outcome) {
  Values values;
  values.number("id", item).text("sentence", sentence(outcome));
  values.flag("accepted", outcome.result == BidResult::accepted)
      .flag("again", outcome.result == BidResult::outbid);
  const std::string_view title = outcome.result == BidResult::accepted ? "Bid accepted" : "Bid not accepted";
  values.text("heading", std::string{title});
  return page(visit, Interaction::store_bid, title, templates().bid_done.render(values));
}

/// RUBiS' parameters; `nullopt` for those that RUBiS refuses with a flagged failure. What the form claims of
/// the minimum and of the quantity is only checked for that, the store decides by the item itself.
std::optional<BidRequest> rubis_bid(const Visit& visit, Id item, Id user) {
  const auto minimum = parse_java_float(visit.form.get("minBid"));
  const auto amount = parse_java_float(visit.form.get("bid"));
  const auto limit = parse_java_float(visit.form.get("maxBid"));
  const auto quantity = id_param(visit, "qty"), quantity_max = id_param(visit, "maxQty");
  if (!minimum || !amount || !limit || !quantity || !quantity_max) return std::nullopt;
  if (*quantity > *quantity_max || *amount < *minimum || *limit < *minimum || *limit < *amount)
    return std::nullopt;
  return BidRequest{.item = item,
                    .user = user,
                    .quantity = *quantity,
                    .amount = *amount,
                    .limit = *limit,
                    .token = {},
                    .refuse_own_item = false};
}

Task<http::Response> store_rubis_bid(Shop& shop, Visit& visit, Id item, Id user) {
  constexpr auto kInteraction = Interaction::store_bid;
  const auto request = rubis_bid(visit, item, user);
  if (!request) {
    co_return failure(
        visit, kInteraction, 400, "Store bid",
        "A bid needs an amount that reaches the minimum, a maximum that reaches the amount, and a "
        "quantity that is for sale.");
  }
  auto outcome = co_await shop.repository->place_bid(*request);
  if (!outcome) co_return store_failure(visit, kInteraction, outcome.error());
  if (outcome->result == BidResult::no_such_item) {
    co_return failure(visit, kInteraction, 404, "Store bid", sentence(*outcome));
  }
  co_return bid_done(visit, item, *outcome);
}

/// Strict: a person sees the form again instead of a guess at what was meant.
FormErrors check(const Typed& typed, const std::optional<Cents>& amount, const std::optional<Id>& quantity) {
  FormErrors errors;
  if (typed.amount.empty()) {
    errors.add("err_bid", "Enter the amount of your bid.");
  } else if (!amount) {
    errors.add("err_bid", "Enter the amount in dollars and cents, such as 12.50, without other signs.");
  }
  if (!quantity || *quantity < 1) errors.add("err_qty", "Enter how many you want, as a whole number.");
  return errors;
}

}  // namespace

Task<http::Response> put_bid_auth(Shop& shop, Visit& visit) {
  const auto item = id_param(visit, "itemId");
  if (!item) co_return failure(visit, Interaction::put_bid_auth, 400, kTitle, "An item is required.");
  if (visit.session) co_return co_await put_bid(shop, visit);
  co_return login_page(visit, Interaction::put_bid_auth, "Log in to bid", bid_path(*item));
}

Task<http::Response> put_bid(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::put_bid;
  const auto id = id_param(visit, "itemId");
  if (!id) co_return failure(visit, kInteraction, 400, kTitle, "An item is required.");
  auto [person, answer] = co_await identify(shop, visit, kInteraction, login_to_bid(*id));
  if (answer) co_return std::move(*answer);
  auto item = co_await shop.repository->item(*id);
  if (!item) co_return store_failure(visit, kInteraction, item.error());
  if (!*item) co_return failure(visit, kInteraction, 404, kTitle, "This item does not exist!");
  co_return bid_form(visit, kInteraction, **item, *person, {}, {plain_amount(minimum_of(**item)), "1"}, {});
}

Task<http::Response> store_bid(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::store_bid;
  auto [person, answer] = author(visit, kInteraction, "userId");
  if (answer) co_return std::move(*answer);
  const auto id = id_param(visit, "itemId");
  if (!id) co_return failure(visit, kInteraction, 400, kTitle, "An item is required.");
  if (visit.rubis_client) co_return co_await store_rubis_bid(shop, visit, *id, person->id);

  Typed typed{std::string{visit.form.get("bid")},
              visit.form.has("qty") ? std::string{visit.form.get("qty")} : std::string{"1"}};
  const auto amount = parse_amount(typed.amount);
  const auto quantity = parse_integer(typed.quantity);
  FormErrors errors = check(typed, amount, quantity);
  BidOutcome outcome{};
  if (errors.empty()) {
    auto placed = co_await shop.repository->place_bid({.item = *id,
                                                       .user = person->id,
                                                       .quantity = *quantity,
                                                       .amount = *amount,
                                                       .limit = *amount,
                                                       .token = form_token(visit),
                                                       .refuse_own_item = true});
    if (!placed) co_return store_failure(visit, kInteraction, placed.error());
    if (placed->result == BidResult::accepted) co_return redirect(kInteraction, item_path(*id));
    outcome = *placed;
  }
  auto item = co_await shop.repository->item(*id);
  if (!item) co_return store_failure(visit, kInteraction, item.error());
  if (!*item) co_return failure(visit, kInteraction, 404, kTitle, "This item does not exist!");
  const std::string notice = errors.empty() ? sentence(outcome) : std::string{};
  if (outcome.result == BidResult::outbid) typed.amount = plain_amount(outcome.minimum);
  co_return bid_form(visit, kInteraction, **item, *person, errors, typed, notice);
}

}  // namespace sluice::auction::web
