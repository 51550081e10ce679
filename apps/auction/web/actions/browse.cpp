#include "apps/auction/web/actions/actions.hpp"
#include "apps/auction/web/identity.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/pictures.hpp"
#include "apps/auction/web/templates.hpp"
#include "apps/auction/web/views.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::int64_t kOnFrontPage = 12;

Values::List category_rows(const Shop& shop) {
  Values::List rows;
  rows.reserve(shop.categories.size());
  for (const Category& category : shop.categories) {
    Values row;
    row.number("id", category.id).text("name", category.name);
    row.html("picture", Html{picture_path(0, category.id)});
    rows.push_back(std::move(row));
  }
  return rows;
}

http::Response categories_page(Shop& shop, Visit& visit, Interaction interaction, const Region* region) {
  Values values;
  values.list("categories", category_rows(shop)).flag("in_region", region != nullptr);
  std::string title = "Browse categories";
  if (region != nullptr) {
    title = "Categories in " + region_label(region->name);
    values.number("region", region->id);
  }
  values.text("heading", title);
  return page(visit, interaction, title, templates().categories.render(values));
}

}  // namespace

Task<http::Response> home(Shop& shop, Visit& visit) {
  auto soon = co_await shop.repository->ending_soon(kOnFrontPage, visit.now);
  if (!soon) co_return store_failure(visit, Interaction::home, soon.error());
  Values values;
  values.list("items", item_rows(*soon, visit.now)).list("categories", category_rows(shop));
  co_return page(visit, Interaction::home, "Auctions ending soon", templates().home.render(values));
}

Task<http::Response> browse(Shop& shop, Visit& visit) {
  Values values;
  values.list("categories", category_rows(shop));
  co_return page(visit, Interaction::browse, "Browse", templates().browse.render(values));
}

Task<http::Response> browse_categories(Shop& shop, Visit& visit) {
  if (visit.rubis_client && visit.form.has("nickname")) {
    constexpr auto kInteraction = Interaction::select_category_to_sell_item;
    Unknown unknown{.heading = "Sell an item", .return_to = "/sell", .flagged = false};
    auto [person, answer] = co_await identify(shop, visit, kInteraction, std::move(unknown));
    if (answer) co_return std::move(*answer);
    co_return categories_to_sell_in(shop, visit, person->id);
  }
  const std::string* name = visit.form.find("region");
  if (name == nullptr) co_return categories_page(shop, visit, Interaction::browse_categories, nullptr);

  constexpr auto kInteraction = Interaction::browse_categories_in_region;
  auto region = co_await shop.repository->region_named(*name);
  if (!region) co_return store_failure(visit, kInteraction, region.error());
  if (!*region) {
    co_return message(visit, kInteraction, 404, "No such region",
                      "There is no region of this name. Please choose one from the list of regions.");
  }
  co_return categories_page(shop, visit, kInteraction, &**region);
}

Task<http::Response> browse_regions(Shop& shop, Visit& visit) {
  Values::List rows;
  rows.reserve(shop.regions.size());
  for (const Region& region : shop.regions) {
    Values row;
    row.html("name_in_url", Html{url_encoded(region.name)}).text("name", region_label(region.name));
    rows.push_back(std::move(row));
  }
  Values values;
  values.list("regions", std::move(rows));
  co_return page(visit, Interaction::browse_regions, "Browse regions", templates().regions.render(values));
}

}  // namespace sluice::auction::web
