#include "apps/auction/store/rules.hpp"

namespace sluice::auction {

namespace {
bool over(const ItemState& item, WallSeconds now) noexcept { return now >= item.ends || item.quantity < 1; }
}  // namespace

Cents minimum_bid(const ItemState& item) noexcept {
  return item.highest_bid ? *item.highest_bid + kBidIncrement : item.initial_price;
}

BidOutcome decide_bid(const ItemState& item, const BidRequest& request, WallSeconds now) noexcept {
  const Cents minimum = minimum_bid(item);
  const auto verdict = [&](BidResult result) { return BidOutcome{.result = result, .minimum = minimum}; };
  if (over(item, now)) return verdict(BidResult::ended);
  if (request.refuse_own_item && request.user == item.seller) return verdict(BidResult::own_item);
  if (request.quantity < 1 || request.quantity > item.quantity) return verdict(BidResult::bad_quantity);
  if (request.amount < minimum) return verdict(BidResult::outbid);
  return {.result = BidResult::accepted, .minimum = request.amount + kBidIncrement};
}

PurchaseOutcome decide_purchase(const ItemState& item, const PurchaseRequest& request,
                                WallSeconds now) noexcept {
  const auto verdict = [&](PurchaseResult result) {
    return PurchaseOutcome{.result = result, .left = item.quantity};
  };
  if (over(item, now)) return verdict(PurchaseResult::ended);
  if (!item.buy_now) return verdict(PurchaseResult::not_for_sale);
  if (request.refuse_own_item && request.buyer == item.seller) return verdict(PurchaseResult::own_item);
  if (request.quantity < 1 || request.quantity > item.quantity) return verdict(PurchaseResult::bad_quantity);
  return {.result = PurchaseResult::accepted, .left = item.quantity - request.quantity};
}

}  // namespace sluice::auction
