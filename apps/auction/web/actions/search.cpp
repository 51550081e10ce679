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

/// What is looked for: words, or the open auctions of a category or of a category in a region.
struct Wanted {
  Interaction interaction;
  Page page;
  std::string words{};
  Id category = 0;
  std::optional<Id> region{};
};

std::string heading_of(const Shop& shop, const Wanted& wanted) {
  if (wanted.interaction == Interaction::search) {
    return wanted.words.empty() ? "Search" : "Search for \u201c" + wanted.words + "\u201d";
  }
  const std::string_view category = category_name(shop, wanted.category);
  std::string heading{category.empty() ? "Unknown category" : category};
  const auto region = wanted.region ? region_name(shop, *wanted.region) : std::string_view{};
  return region.empty() ? heading : heading + " in " + region_label(region);
}

/// Without page and number of items.
std::string url_of(const Wanted& wanted) {
  if (wanted.interaction == Interaction::search) return "/search?q=" + url_encoded(wanted.words);
  const std::string category = "category=" + std::to_string(wanted.category);
  return wanted.region ? "/search?region=" + std::to_string(*wanted.region) + '&' + category
                       : "/search?" + category;
}

Task<Result<std::vector<ItemSummary>>> items_of(Shop& shop, const Wanted& wanted, Page page,
                                                WallSeconds now) {
  Repository& repository = *shop.repository;
  if (wanted.interaction == Interaction::search) return repository.search_text(wanted.words, page, now);
  if (wanted.region) return repository.search_region(*wanted.region, wanted.category, page, now);
  return repository.search_category(wanted.category, page, now);
}

/// RUBiS says "Sorry" for an empty page of a category or region: its client steps back then.
std::string rendered(const Visit& visit, const Wanted& wanted, const std::string& heading,
                     const std::vector<ItemSummary>& items) {
  const Page& page = wanted.page;
  // RUBiS always offers a next page, people only get one that is likely to have something on it.
  const bool full = std::ssize(items) == page.size;
  const bool next = !items.empty() && (full || visit.family == Family::rubis) && page.number < kPageMax;
  Values values;
  values.text("heading", heading).html("url", Html{url_of(wanted)}).number("size", page.size);
  values.flag("words", wanted.interaction == Interaction::search).flag("first_page", page.number == 0);
  values.number("shown_page", page.number + 1);
  values.flag("previous", page.number > 0).number("previous_page", page.number - 1);
  values.flag("next", next).number("next_page", page.number + 1);
  values.list("items", item_rows(items, visit.now));
  return templates().items.render(values);
}

/// Keeps the page of a list. `first`: the first item of the whole list; once that auction is over, all pages
/// move up.
void keep(Shop& shop, const Visit& visit, KeptPage page, const std::vector<ItemSummary>& items,
          const std::vector<ItemSummary>& first) {
  page.from = visit.now;
  page.shows(items);
  for (const ItemSummary& item : first) page.until = std::min(page.until, item.ends);
  shop.pages.keep(std::move(page), *shop.repository);
}

http::Response bad_page(Visit& visit, Interaction interaction) {
  return failure(visit, interaction, 400, "Search", "The page and the number of items must be numbers.");
}

Task<http::Response> list(Shop& shop, Visit& visit, Wanted wanted) {
  const Page& shown = wanted.page;
  const PageKey key{wanted.interaction,
                    visit.family,
                    {wanted.category, wanted.region.value_or(0), shown.number, shown.size}};
  if (auto kept = kept_page(shop, visit, key)) co_return std::move(*kept);
  const Revision revision = shop.repository->revision();
  auto items = co_await items_of(shop, wanted, shown, visit.now);
  if (!items) co_return store_failure(visit, wanted.interaction, items.error());
  Result<std::vector<ItemSummary>> first{};
  if (shown.number > 0) first = co_await items_of(shop, wanted, Page{.number = 0, .size = 1}, visit.now);
  if (!first) co_return store_failure(visit, wanted.interaction, first.error());

  const std::string heading = heading_of(shop, wanted);
  const std::string body = rendered(visit, wanted, heading, *items);
  keep(shop, visit,
       {.key = key,
        .title = heading,
        .body = body,
        .topics = {{Topic::Kind::category, wanted.category}},
        .revision = revision},
       *items, *first);
  co_return page(visit, wanted.interaction, heading, body);
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
  const Wanted wanted{.interaction = Interaction::search, .page = *page, .words = std::move(words)};
  auto items = co_await items_of(shop, wanted, *page, visit.now);
  if (!items) co_return store_failure(visit, Interaction::search, items.error());
  const std::string heading = heading_of(shop, wanted);
  co_return web::page(visit, Interaction::search, heading, rendered(visit, wanted, heading, *items));
}

Task<http::Response> search_category(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::search_items_in_category;
  const auto category = id_param(visit, "category");
  if (!category) co_return failure(visit, kInteraction, 400, "Search in category", "A category is required.");
  const auto page = page_of(visit);
  if (!page) co_return bad_page(visit, kInteraction);
  Wanted wanted{.interaction = kInteraction, .page = *page, .category = *category};
  co_return co_await list(shop, visit, std::move(wanted));
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
  Wanted wanted{.interaction = kInteraction, .page = *page, .category = *category, .region = *region};
  co_return co_await list(shop, visit, std::move(wanted));
}

}  // namespace sluice::auction::web
