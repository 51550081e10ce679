#pragma once
#include <cstdint>
#include <string>

#include "apps/auction/store/domain.hpp"
#include "apps/auction/store/populate/random.hpp"

/// The words of a population. All of it is our own and invented; makers and products exist nowhere. No text
/// has the marker words that RUBiS' client looks for.
namespace sluice::auction::population {

/// 1 to 8,192 characters of one text over and over, with the markup and quotes of RUBiS' texts.
std::string rubis_description(std::uint64_t seed, Id item);
/// 1 to 2,048 characters that fit the rating.
std::string rubis_comment(std::uint64_t seed, Id item, std::int64_t rating);

/// "Walnut mantel clock by Harrow & Finch, restored". `category` counts from 1.
std::string shop_name(std::uint64_t seed, Id item, Id category);
/// A few sentences of plain text.
std::string shop_description(std::uint64_t seed, Id item, Id category, const std::string& name);
std::string shop_comment(std::uint64_t seed, Id item, std::int64_t rating);
/// 2.50 to about 900.00, mostly small.
Cents shop_price(Random& random);

}  // namespace sluice::auction::population
