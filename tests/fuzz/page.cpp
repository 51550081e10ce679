#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loadgen/model/page_facts.hpp"

using namespace sluice::loadgen;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// What follows each `mark`, as RUBiS' client searches: one find after the other.
std::vector<std::string_view> after_each(std::string_view page, std::string_view mark) {
  std::vector<std::string_view> result;
  for (auto at = page.find(mark); at != std::string_view::npos; at = page.find(mark, at + mark.size()))
    result.push_back(page.substr(at + mark.size()));
  return result;
}

/// A whole number that ends at a terminator, else -1.
std::int32_t number_of(std::string_view text) {
  const auto size = text.find_first_of("\"?&>");
  if (size == std::string_view::npos || size == 0 || size >= 48) return -1;
  const std::string digits{text.substr(0, size)};
  const auto first = digits.find_first_not_of("0123456789", digits[0] == '-' ? 1 : 0);
  if (first != std::string::npos || digits == "-") return -1;
  errno = 0;
  const long long value = std::strtoll(digits.c_str(), nullptr, 10);
  return errno == 0 && value >= INT32_MIN && value <= INT32_MAX ? static_cast<std::int32_t>(value) : -1;
}

std::int32_t first_of(std::string_view page, std::string_view mark) {
  const auto all = after_each(page, mark);
  return all.empty() ? -1 : number_of(all.front());
}

void check_facts(std::string_view page) {
  sluice::Random random{page.size()};
  const PageFacts facts = read_page(page, random);
  require(facts.error == (page.find("ERROR") != std::string_view::npos));
  require(facts.sorry == (page.find("Sorry") != std::string_view::npos));
  require(facts.user_id == first_of(page, "userId="));
  require(facts.to == first_of(page, "to="));
  require(facts.max_qty == first_of(page, "name=maxQty value="));
  require(facts.to_value == first_of(page, "name=to value="));
  require(std::isfinite(facts.min_bid));

  std::set<std::int32_t> items;
  for (const auto text : after_each(page, "itemId=")) items.insert(number_of(text));
  require(items.count(facts.item_id) == 1 || facts.item_id == -1);
  items.erase(-1);
  require(items.empty() || facts.item_id != -1 || page.find("itemId=-1") != std::string_view::npos);

  std::vector<std::int32_t> pages;
  for (const auto text : after_each(page, "&page=")) pages.push_back(number_of(text));
  pages.resize(2, -1);
  if (pages[0] == -1) std::swap(pages[0], pages[1]);
  if (page.find("&page=-1") == std::string_view::npos)
    require(facts.pages[0] == pages[0] && facts.pages[1] == pages[1]);
}

void check_images(std::string_view page, bool any_case) {
  const auto all = images_of(page, 16, any_case);
  require(all.size() <= 16);
  for (const auto& path : all) {
    require(path.starts_with('/') && !path.starts_with("//") && path.size() <= 2048);
    for (const char c : path) require(c > ' ' && c < '\x7f' && c != '#');
  }
}

}  // namespace

/// Whatever a server sends as a page: the same facts as by plain searching, and no image path that would
/// break a request.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view page{reinterpret_cast<const char*>(data), size};
  check_facts(page);
  check_images(page, false);
  check_images(page, true);
  refresh_of(page);
  return 0;
}
