#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

/// The rows that every auction has from the start: RUBiS' categories and regions (data/).
namespace sluice::auction {

struct CategoryLine {
  std::string_view name;
  std::int64_t items = 0;  ///< Items for sale in the full RUBiS data set.
};
/// Ids count from 1 in this order.
const std::vector<CategoryLine>& rubis_categories();
const std::vector<std::string_view>& rubis_regions();

/// Without their ends of line.
std::vector<std::string_view> lines_of(std::string_view text);

}  // namespace sluice::auction
