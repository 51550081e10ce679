#include "apps/auction/store/catalogue.hpp"

#include <charconv>

#include "embedded/sluice_auction_store.hpp"

namespace sluice::auction {

namespace {

CategoryLine parse_category(std::string_view line) {
  CategoryLine category;
  const char* const end = line.data() + line.size();
  const char* const blank = std::from_chars(line.data(), end, category.items).ptr;
  category.name = {blank + 1, end};
  return category;
}

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}

const std::vector<CategoryLine>& rubis_categories() {
  static const std::vector<CategoryLine> categories = [] {
    std::vector<CategoryLine> parsed;
    for (const std::string_view line : lines_of(embedded::categories_txt))
      parsed.push_back(parse_category(line));
    return parsed;
  }();
  return categories;
}

const std::vector<std::string_view>& rubis_regions() {
  static const std::vector<std::string_view> regions = lines_of(embedded::regions_txt);
  return regions;
}

}  // namespace sluice::auction
