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

/// A page that only tells what never changes: rendered once.
template <class Render>
http::Response lasting_page(Shop& shop, Visit& visit, const PageKey& key, const std::string& title,
                            Render render) {
  if (auto kept = kept_page(shop, visit, key)) return std::move(*kept);
  const Revision revision = shop.repository->revision();
  const std::string body = render();
  shop.pages.keep({.key = key, .title = title, .body = body, .revision = revision, .from = visit.now},
                  *shop.repository);
  return page(visit, key.interaction, title, body);
}

std::string rendered_categories(const Shop& shop, const std::string& title, const Region* region) {
  Values values;
  values.list("categories", category_rows(shop)).flag("in_region", region != nullptr);
  if (region != nullptr) values.number("region", region->id);
  values.text("heading", title);
  return templates().categories.render(values);
}

http::Response categories_page(Shop& shop, Visit& visit, Interaction interaction, const Region* region) {
  const std::string title =
      region == nullptr ? "Browse categories" : "Categories in " + region_label(region->name);
  const PageKey key{interaction, visit.family, {region == nullptr ? 0 : region->id}};
  return lasting_page(shop, visit, key, title, [&] { return rendered_categories(shop, title, region); });
}

std::string rendered_regions(const Shop& shop) {
  Values::List rows;
  rows.reserve(shop.regions.size());
  for (const Region& region : shop.regions) {
    Values row;
    row.html("name_in_url", Html{url_encoded(region.name)}).text("name", region_label(region.name));
    rows.push_back(std::move(row));
  }
  Values values;
  values.list("regions", std::move(rows));
  return templates().regions.render(values);
}

/// Of the front page.
KeptPage front_page(const Shop& shop, const PageKey& key, const std::vector<ItemSummary>& items,
                    WallSeconds now) {
  KeptPage page{
      .key = key, .title = "Auctions ending soon", .topics = {{Topic::Kind::auctions, 0}}, .from = now};
  page.shows(items);
  Values values;
  values.list("items", item_rows(items, now)).list("categories", category_rows(shop));
  page.body = templates().home.render(values);
  return page;
}

}  // namespace

Task<http::Response> home(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::home;
  const PageKey key{kInteraction, visit.family};
  if (auto kept = kept_page(shop, visit, key)) co_return std::move(*kept);
  const Revision revision = shop.repository->revision();
  auto soon = co_await shop.repository->ending_soon(kOnFrontPage, visit.now);
  if (!soon) co_return store_failure(visit, kInteraction, soon.error());
  KeptPage made = front_page(shop, key, *soon, visit.now);
  made.revision = revision;
  http::Response response = page(visit, kInteraction, made.title, made.body);
  shop.pages.keep(std::move(made), *shop.repository);
  co_return response;
}

Task<http::Response> browse(Shop& shop, Visit& visit) {
  co_return lasting_page(shop, visit, {Interaction::browse, visit.family}, "Browse", [&] {
    Values values;
    values.list("categories", category_rows(shop));
    return templates().browse.render(values);
  });
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
  co_return lasting_page(shop, visit, {Interaction::browse_regions, visit.family}, "Browse regions",
                         [&] { return rendered_regions(shop); });
}

}  // namespace sluice::auction::web
