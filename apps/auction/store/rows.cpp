#include "apps/auction/store/rows.hpp"

#include <algorithm>
#include <utility>

#include "apps/auction/store/rules.hpp"

namespace sluice::auction {

namespace {

/// Ten years: keeps sums of times far from overflow.
constexpr std::int64_t kDaysMax = 3650;

bool sane(Cents amount) noexcept { return amount.value >= 0 && amount <= kAmountMax; }
bool sane(const std::optional<Cents>& amount) noexcept { return !amount || sane(*amount); }

}  // namespace

Window window_of(Page page) noexcept {
  const auto size = std::clamp<std::int64_t>(page.size, 1, kItemsPerPageMax);
  return {size, std::clamp<std::int64_t>(page.number, 0, kPageMax) * size};
}

void add_bids(Account& account, std::vector<Account::MyBid> bid_on, WallSeconds now) {
  for (Account::MyBid& mine : bid_on) {
    const bool open = mine.item.ends > now;
    auto& list = open ? account.bidding : account.won;
    if ((open || mine.winning) && std::ssize(list) < kListMax) list.push_back(std::move(mine));
  }
}

bool acceptable(const BidRequest& request) noexcept {
  return request.amount <= kAmountMax && request.limit <= kAmountMax;
}

bool acceptable(const CommentRequest& request) noexcept {
  return request.rating >= -5 && request.rating <= 5;
}

bool acceptable(const NewItem& item) noexcept {
  return sane(item.initial_price) && sane(item.reserve_price) && sane(item.buy_now) &&
         item.days >= -kDaysMax && item.days <= kDaysMax;
}

}  // namespace sluice::auction
