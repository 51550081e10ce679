#include "apps/auction/web/actions/actions.hpp"
#include "apps/auction/web/format.hpp"
#include "apps/auction/web/identity.hpp"
#include "apps/auction/web/numbers.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/templates.hpp"
#include "apps/auction/web/views.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::string_view kTitle = "Buy it now";

std::string buy_path(Id item) { return "/buy?itemId=" + std::to_string(item); }

Unknown login_to_buy(Id item) {
  return {.form = Interaction::buy_now_auth, .heading = "Log in to buy", .return_to = buy_path(item)};
}

http::Response buy_form(Visit& visit, Interaction interaction, const Item& item, const Person& person,
                        const FormErrors& errors, std::string wanted, std::string_view notice) {
  Values values = item_values(item, visit.now);
  const bool as_rubis_client = visit.rubis_client && !visit.session;
  values.text("action",
              as_rubis_client ? "/rubis_servlets/servlet/edu.rice.rubis.servlets.StoreBuyNow" : "/buy");
  values.flag("as_rubis_client", as_rubis_client)
      .number("user", person.id)
      .text("notice", std::string{notice});
  values.text("wanted", std::move(wanted)).flag("own", person.id == item.seller);
  add_form_tokens(values, visit);
  errors.show_in(values);
  return page(visit, interaction, "Buy " + item.name, templates().buy_form.render(values));
}

std::string sentence(const PurchaseOutcome& outcome) {
  switch (outcome.result) {
    case PurchaseResult::accepted: return "It is yours. The seller has been told.";
    case PurchaseResult::ended: return "This auction has ended. Nothing was bought.";
    case PurchaseResult::no_such_item: return "This item does not exist!";
    case PurchaseResult::not_for_sale: return "This item has no fixed price: it goes to the highest bidder.";
    case PurchaseResult::bad_quantity:
      return "There are not that many of this item left (only " + std::to_string(outcome.left) + ").";
    case PurchaseResult::own_item: return "This is your own item: you can't buy it.";
  }
  return {};
}

http::Response buy_done(Visit& visit, Id item, const PurchaseOutcome& outcome) {
  const std::string_view title = outcome.result == PurchaseResult::accepted ? "Bought" : "Not bought";
  Values values;
  values.number("id", item).text("sentence", sentence(outcome)).text("heading", std::string{title});
  values.flag("accepted", outcome.result == PurchaseResult::accepted);
  return page(visit, Interaction::store_buy_now, title, templates().buy_done.render(values));
}

Task<http::Response> store_rubis_purchase(Shop& shop, Visit& visit, Id item, Id buyer) {
  constexpr auto kInteraction = Interaction::store_buy_now;
  const auto quantity = id_param(visit, "qty"), quantity_max = id_param(visit, "maxQty");
  if (!quantity || !quantity_max || *quantity > *quantity_max) {
    co_return failure(visit, kInteraction, 400, kTitle, "A quantity that is for sale is required.");
  }
  const PurchaseRequest request{
      .item = item, .buyer = buyer, .quantity = *quantity, .token = {}, .refuse_own_item = false};
  auto outcome = co_await shop.repository->buy_now(request);
  if (!outcome) co_return store_failure(visit, kInteraction, outcome.error());
  if (outcome->result == PurchaseResult::no_such_item) {
    co_return failure(visit, kInteraction, 404, kTitle, sentence(*outcome));
  }
  co_return buy_done(visit, item, *outcome);
}

}  // namespace

Task<http::Response> buy_now_auth(Shop& shop, Visit& visit) {
  const auto item = id_param(visit, "itemId");
  if (!item) co_return failure(visit, Interaction::buy_now_auth, 400, kTitle, "An item is required.");
  if (visit.session) co_return co_await buy_now(shop, visit);
  co_return login_page(visit, Interaction::buy_now_auth, "Log in to buy", buy_path(*item));
}

Task<http::Response> buy_now(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::buy_now;
  const auto id = id_param(visit, "itemId");
  if (!id) co_return failure(visit, kInteraction, 400, kTitle, "An item is required.");
  auto [person, answer] = co_await identify(shop, visit, kInteraction, login_to_buy(*id));
  if (answer) co_return std::move(*answer);
  auto item = co_await shop.repository->item(*id);
  if (!item) co_return store_failure(visit, kInteraction, item.error());
  if (!*item) co_return failure(visit, kInteraction, 404, kTitle, "This item does not exist!");
  co_return buy_form(visit, kInteraction, **item, *person, {}, "1", {});
}

Task<http::Response> store_buy_now(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::store_buy_now;
  auto [person, answer] = author(visit, kInteraction, "userId");
  if (answer) co_return std::move(*answer);
  const auto id = id_param(visit, "itemId");
  if (!id) co_return failure(visit, kInteraction, 400, kTitle, "An item is required.");
  if (visit.rubis_client) co_return co_await store_rubis_purchase(shop, visit, *id, person->id);

  const std::string wanted{visit.form.has("qty") ? visit.form.get("qty") : "1"};
  const auto quantity = parse_integer(wanted);
  FormErrors errors;
  if (!quantity || *quantity < 1) errors.add("err_qty", "Enter how many you want, as a whole number.");
  std::string notice;
  if (errors.empty()) {
    const PurchaseRequest request{.item = *id,
                                  .buyer = person->id,
                                  .quantity = *quantity,
                                  .token = form_token(visit),
                                  .refuse_own_item = true};
    auto outcome = co_await shop.repository->buy_now(request);
    if (!outcome) co_return store_failure(visit, kInteraction, outcome.error());
    if (outcome->result == PurchaseResult::accepted) co_return redirect(kInteraction, "/me#bought");
    notice = sentence(*outcome);
  }
  auto item = co_await shop.repository->item(*id);
  if (!item) co_return store_failure(visit, kInteraction, item.error());
  if (!*item) co_return failure(visit, kInteraction, 404, kTitle, "This item does not exist!");
  co_return buy_form(visit, kInteraction, **item, *person, errors, wanted, notice);
}

}  // namespace sluice::auction::web
