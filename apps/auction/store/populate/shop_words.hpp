#pragma once
#include <span>
#include <string_view>
#include <vector>

namespace sluice::auction::population {

/// What the products of one category are called.
struct ShopWords {
  std::vector<std::string_view> qualities;  ///< "Walnut"; in front of the product.
  std::vector<std::string_view> products;   ///< "mantel clock"
  std::vector<std::string_view> details;    ///< "restored"; behind a comma.
};

/// By category, in the order of rubis_categories().
const std::vector<ShopWords>& shop_words();
/// Invented makers, for all categories.
const std::vector<std::string_view>& shop_makers();

}  // namespace sluice::auction::population
