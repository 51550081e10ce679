#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "apps/auction/store/domain.hpp"
#include "apps/auction/web/template.hpp"

/// Things of the auction as rows and parts of pages.
namespace sluice::auction::web {

/// For the part "item_rows".
Values::List item_rows(const std::vector<ItemSummary>& items, WallSeconds now);
Values item_row(const ItemSummary& item, WallSeconds now);
/// For the part "item_head", and what most pages about an item say.
Values item_values(const Item& item, WallSeconds now);
/// The least that the next bid has to be.
Cents minimum_of(const Item& item) noexcept;
Values::List bid_rows(const std::vector<Bid>& bids);
/// For the part "comments".
Values::List comment_rows(const std::vector<Comment>& comments);
/// RUBiS' "MA--Boston " as people write it: "Boston, MA".
std::string region_label(std::string_view name);
/// "an unknown member" for a user that does not exist.
std::string shown_name(std::string_view nickname);

}  // namespace sluice::auction::web
