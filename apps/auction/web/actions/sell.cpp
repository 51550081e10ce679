#include "apps/auction/web/actions/actions.hpp"
#include "apps/auction/web/identity.hpp"
#include "apps/auction/web/numbers.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/pictures.hpp"
#include "apps/auction/web/templates.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::string_view kTitle = "Sell an item";
constexpr std::size_t kNameMax = 100;
constexpr std::size_t kDescriptionMax = 8192;  // RUBiS' population goes up to here
constexpr std::int64_t kDaysMax = 30;
constexpr std::int64_t kQuantityMax = 1000;

Unknown login_to_sell() {
  return {.form = Interaction::sell, .heading = "Log in to sell", .return_to = "/sell"};
}

/// An amount that may be left out: RUBiS sends 0 for "none".
struct OptionalAmount {
  bool valid = true;
  std::optional<Cents> amount{};
};

using ParseAmount = std::optional<Cents> (*)(std::string_view) noexcept;

OptionalAmount optional_amount(std::string_view text, ParseAmount parse) {
  if (text.empty()) return {};
  const auto amount = parse(text);
  if (!amount || *amount < Cents{0}) return {.valid = false};
  if (*amount == Cents{0}) return {};
  return {.amount = amount};
}

void check_prices(const NewItem& item, std::string_view category, const Shop& shop, FormErrors& errors) {
  if (item.initial_price < Cents{1}) errors.add("err_initial", "The starting price has to be at least 0.01.");
  if (item.reserve_price && *item.reserve_price < item.initial_price) {
    errors.add("err_reserve", "The reserve price can't be below the starting price.");
  }
  if (item.buy_now && *item.buy_now < item.initial_price) {
    errors.add("err_buy_now", "The buy-it-now price can't be below the starting price.");
  }
  const auto id = parse_integer(category);
  if (!id || category_name(shop, *id).empty()) errors.add("err_category", "Choose a category.");
}

/// Reads the form in either dialect. RUBiS' client may sell what people may not: in category 0, of user 0,
/// for a negative number of days.
NewItem read_item(const Shop& shop, const Visit& visit, Id seller, FormErrors& errors) {
  const bool people = !visit.rubis_client;
  const ParseAmount parse = people ? &parse_amount : &parse_java_float;
  const auto text = [&](std::string_view name) { return visit.form.get(name); };
  NewItem item;
  item.name = text("name");
  item.description = text("description");
  if (item.description.empty()) item.description = "No description.";
  const auto initial = parse(text("initialPrice"));
  const auto reserve = optional_amount(text("reservePrice"), parse);
  const auto buy_now = optional_amount(text("buyNow"), parse);
  const auto days = parse_integer(text("duration"));
  const auto quantity = parse_integer(text("quantity"));
  if (item.name.empty() || item.name.size() > kNameMax)
    errors.add("err_name", "Give it a name of up to 100 characters.");
  if (item.description.size() > kDescriptionMax)
    errors.add("err_description", "Keep the description below 8,000 characters.");
  if (!initial || *initial < Cents{0}) errors.add("err_initial", "Enter a starting price, such as 12.50.");
  if (!reserve.valid) errors.add("err_reserve", "Enter a reserve price such as 20.00, or leave it empty.");
  if (!buy_now.valid) errors.add("err_buy_now", "Enter a price such as 50.00, or leave it empty.");
  const bool days_ok =
      days && *days <= 3650 && *days >= -3650 && (!people || (*days >= 1 && *days <= kDaysMax));
  if (!days_ok) errors.add("err_duration", "Choose a duration of 1 to 30 days.");
  if (!quantity || *quantity < 1 || *quantity > kQuantityMax)
    errors.add("err_quantity", "Enter a quantity of 1 to 1000.");
  item.initial_price = initial.value_or(Cents{});
  item.reserve_price = reserve.amount;
  item.buy_now = buy_now.amount;
  item.days = days.value_or(0);
  item.quantity = quantity.value_or(0);
  item.seller = seller;
  const std::string_view category = text(people ? "category" : "categoryId");
  item.category = parse_integer(category).value_or(0);
  if (people && errors.empty()) check_prices(item, category, shop, errors);
  return item;
}

http::Response sell_form(Shop& shop, Visit& visit, Interaction interaction, Id category, Id user,
                         const FormErrors& errors) {
  Values values;
  const bool as_rubis_client = visit.rubis_client && !visit.session;
  values.flag("as_rubis_client", as_rubis_client).number("user", user).number("category", category);
  values.text("action",
              as_rubis_client ? "/rubis_servlets/servlet/edu.rice.rubis.servlets.RegisterItem" : "/sell");
  const std::string_view name = category_name(shop, category);
  values.text("category_name", std::string{name.empty() ? "an unknown category" : name});
  const auto field = [&](std::string_view as, std::string_view param, std::string_view unsent) {
    values.text(as, std::string{visit.is_post() ? visit.form.get(param) : unsent});
  };
  field("item_name", "name", "");
  field("description", "description", "");
  field("initial", "initialPrice", "");
  field("reserve", "reservePrice", "");
  field("buy_now", "buyNow", "");
  field("duration", "duration", "7");
  field("quantity", "quantity", "1");
  add_form_tokens(values, visit);
  errors.show_in(values);
  return page(visit, interaction, kTitle, templates().sell_form.render(values));
}

}  // namespace

http::Response categories_to_sell_in(Shop& shop, Visit& visit, Id rubis_user) {
  Values::List rows;
  for (const Category& category : shop.categories) {
    Values row;
    std::string url = "/sell?category=" + std::to_string(category.id);
    if (visit.rubis_client && !visit.session) {
      url = "/rubis_servlets/servlet/edu.rice.rubis.servlets.SellItemForm?category=" +
            std::to_string(category.id) + "&user=" + std::to_string(rubis_user);
    }
    row.html("url", Html{std::move(url)}).text("name", category.name);
    row.html("picture", Html{picture_path(0, category.id)});
    rows.push_back(std::move(row));
  }
  Values values;
  values.list("categories", std::move(rows));
  return page(visit, Interaction::select_category_to_sell_item, kTitle,
              templates().sell_categories.render(values));
}

Task<http::Response> sell(Shop& shop, Visit& visit) {
  if (!visit.session) {
    const Unknown login = login_to_sell();
    co_return login_page(visit, Interaction::sell, login.heading, login.return_to);
  }
  if (visit.form.has("category")) co_return co_await sell_item_form(shop, visit);
  co_return categories_to_sell_in(shop, visit, visit.session->login.user);
}

Task<http::Response> sell_item_form(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::sell_item_form;
  const Id category = id_param(visit, "category").value_or(0);
  if (visit.rubis_client && !visit.session) {
    co_return sell_form(shop, visit, kInteraction, category, id_param(visit, "user").value_or(0), {});
  }
  if (!visit.session) {
    const Unknown login = login_to_sell();
    co_return login_page(visit, login.form, login.heading, login.return_to);
  }
  if (category_name(shop, category).empty())
    co_return categories_to_sell_in(shop, visit, visit.session->login.user);
  co_return sell_form(shop, visit, kInteraction, category, visit.session->login.user, {});
}

Task<http::Response> register_item(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::register_item;
  auto [person, answer] = author(visit, kInteraction, "userId");
  if (answer) co_return std::move(*answer);
  FormErrors errors;
  NewItem item = read_item(shop, visit, person->id, errors);
  if (!errors.empty()) {
    if (visit.rubis_client) co_return failure(visit, kInteraction, 400, "Register item", errors.joined());
    co_return sell_form(shop, visit, kInteraction, item.category, person->id, errors);
  }
  item.token = form_token(visit);
  const std::string name = item.name;
  auto id = co_await shop.repository->register_item(std::move(item));
  if (!id) co_return store_failure(visit, kInteraction, id.error());
  if (!visit.rubis_client) co_return redirect(kInteraction, "/item?itemId=" + std::to_string(*id));
  Values values;
  values.number("id", *id).text("name", name);
  co_return page(visit, kInteraction, "Your item is up for auction", templates().sell_done.render(values));
}

}  // namespace sluice::auction::web
