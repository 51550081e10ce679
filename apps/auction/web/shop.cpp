#include "apps/auction/web/shop.hpp"

#include <algorithm>

namespace sluice::auction::web {

namespace {
std::string_view name_in(const auto& list, Id id) noexcept {
  const auto found = std::find_if(list.begin(), list.end(), [id](const auto& each) { return each.id == id; });
  return found != list.end() ? std::string_view{found->name} : std::string_view{};
}
}  // namespace

std::string Visit::csrf() {
  if (session) return csrf_token(session->secret);
  if (visit_secret.empty()) {
    visit_secret = new_secret();
    visit_cookie_is_new = true;
  }
  return csrf_token(visit_secret);
}

Task<Result<void>> load_catalogue(Shop& shop) {
  if (!shop.categories.empty()) co_return Result<void>{};
  auto categories = co_await shop.repository->categories();
  if (!categories) co_return categories.error();
  auto regions = co_await shop.repository->regions();
  if (!regions) co_return regions.error();
  shop.categories = std::move(*categories);
  shop.regions = std::move(*regions);
  co_return Result<void>{};
}

std::string_view category_name(const Shop& shop, Id id) noexcept { return name_in(shop.categories, id); }
std::string_view region_name(const Shop& shop, Id id) noexcept { return name_in(shop.regions, id); }

}  // namespace sluice::auction::web
