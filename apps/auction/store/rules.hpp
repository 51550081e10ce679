#pragma once
#include "apps/auction/store/domain.hpp"

/// The auction's rules: pure, no clock, no database. The writer calls them inside its transaction, with the
/// row it has just read there, so that what a form claims about prices and quantities never counts.
namespace sluice::auction {

/// Smallest step from one bid to the next.
inline constexpr Cents kBidIncrement{100};
/// Largest amount accepted anywhere: 100 million. Keeps sums of cents far from overflow.
inline constexpr Cents kAmountMax{10'000'000'000};

/// State of an item as the rules need it.
struct ItemState {
  Id seller = 0;
  std::int64_t quantity = 0;
  Cents initial_price;
  std::optional<Cents> highest_bid;
  std::optional<Cents> buy_now;
  WallSeconds ends{};
};

/// The initial price while there is no bid, then the highest bid and an increment: accepted bids strictly
/// rise.
Cents minimum_bid(const ItemState& item) noexcept;

/// `BidOutcome::bid` is left 0. An auction is over once `now >= ends` or nothing is left of it.
BidOutcome decide_bid(const ItemState& item, const BidRequest& request, WallSeconds now) noexcept;

/// Never sells more than there is. `left` is what remains after an accepted purchase.
PurchaseOutcome decide_purchase(const ItemState& item, const PurchaseRequest& request,
                                WallSeconds now) noexcept;

}  // namespace sluice::auction
