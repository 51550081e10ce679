#include <algorithm>

#include "apps/auction/web/actions/actions.hpp"
#include "apps/auction/web/numbers.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/templates.hpp"
#include "apps/auction/web/views.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::size_t kQueryMax = 100;  // characters of a search that count

/// `nullopt`: not a number, or negative.
std::optional<Page> page_of(const Visit& visit) {
  Page page;
  if (visit.form.has("page")) {
    const auto number = id_param(visit, "page");
    if (!number || *number < 0) return std::nullopt;
    page.number = std::min(*number, kPageMax);
  }
  if (visit.form.has("nbOfItems")) {
    const auto size = id_param(visit, "nbOfItems");
    if (!size || *size < 1) return std::nullopt;
    page.size = std::min(*size, kItemsPerPageMax);
  }
  return page;
}

struct Found {
  Interaction interaction;
  std::string heading;
  std::string url;  ///< Of this search, without page and number of items.
  Page page;
};

/// RUBiS says "Sorry" for an empty page of a category or region: its client steps back then.
http::Response results(Visit& visit, const Found& found, const std::vector<ItemSummary>& items) {
  // RUBiS always offers a next page, people only get one that is likely to have something on it.
  const bool full = std::ssize(items) == found.page.size;
  const bool next = !items.empty() && (full || visit.family == Family::rubis) && found.page.number < kPageMax;
  Values values;
  values.text("heading", found.heading).html("url", Html{found.url}).number("size", found.page.size);
  values.flag("words", found.interaction == Interaction::search).flag("first_page", found.page.number == 0);
  values.number("shown_page", found.page.number + 1);
  values.flag("previous", found.page.number > 0).number("previous_page", found.page.number - 1);
  values.flag("next", next).number("next_page", found.page.number + 1);
  values.list("items", item_rows(items, visit.now));
  return page(visit, found.interaction, found.heading, templates().items.render(values));
}

http::Response bad_page(Visit& visit, Interaction interaction) {
  return failure(visit, interaction, 400, "Search", "The page and the number of items must be numbers.");
}

}  // namespace

Task<http::Response> search(Shop& shop, Visit& visit) {
  if (visit.form.has("region")) co_return co_await search_region(shop, visit);
  if (visit.form.has("category")) co_return co_await search_category(shop, visit);
  const auto page = page_of(visit);
  if (!page) co_return bad_page(visit, Interaction::search);
  std::string words{visit.form.get("q").substr(0, kQueryMax)};
  // Not through the middle of a character.
  while (!words.empty() && words.size() == kQueryMax &&
         (static_cast<unsigned char>(words.back()) & 0xc0) == 0x80) {
    words.pop_back();
  }
  auto items = co_await shop.repository->search_text(words, *page, visit.now);
  if (!items) co_return store_failure(visit, Interaction::search, items.error());
  const std::string heading = words.empty() ? "Search" : "Search for \u201c" + words + "\u201d";
  co_return results(visit, {Interaction::search, heading, "/search?q=" + url_encoded(words), *page}, *items);
}

Task<http::Response> search_category(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::search_items_in_category;
  const auto category = id_param(visit, "category");
  if (!category) co_return failure(visit, kInteraction, 400, "Search in category", "A category is required.");
  const auto page = page_of(visit);
  if (!page) co_return bad_page(visit, kInteraction);
  auto items = co_await shop.repository->search_category(*category, *page, visit.now);
  if (!items) co_return store_failure(visit, kInteraction, items.error());
  const std::string_view name = category_name(shop, *category);
  const std::string heading{name.empty() ? "Unknown category" : name};
  co_return results(visit, {kInteraction, heading, "/search?category=" + std::to_string(*category), *page},
                    *items);
}

Task<http::Response> search_region(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::search_items_in_region;
  const auto region = id_param(visit, "region");
  const auto category = id_param(visit, "category");
  if (!region || !category) {
    co_return failure(visit, kInteraction, 400, "Search in region", "A region and a category are required.");
  }
  const auto page = page_of(visit);
  if (!page) co_return bad_page(visit, kInteraction);
  auto items = co_await shop.repository->search_region(*region, *category, *page, visit.now);
  if (!items) co_return store_failure(visit, kInteraction, items.error());
  std::string heading{category_name(shop, *category)};
  if (heading.empty()) heading = "Unknown category";
  if (const auto name = region_name(shop, *region); !name.empty()) heading += " in " + region_label(name);
  const std::string url =
      "/search?region=" + std::to_string(*region) + "&category=" + std::to_string(*category);
  co_return results(visit, {kInteraction, heading, url, *page}, *items);
}

}  // namespace sluice::auction::web
