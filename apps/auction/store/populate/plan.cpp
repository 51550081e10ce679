#include "apps/auction/store/populate/plan.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <stdexcept>

#include "apps/auction/store/catalogue.hpp"
#include "apps/auction/store/populate/random.hpp"
#include "apps/auction/store/populate/texts.hpp"

namespace sluice::auction::population {

namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr std::int64_t kUsersMax = 100'000'000;
constexpr std::int64_t kItemsMax = 100'000'000;
constexpr std::int64_t kBidsPerItemMax = 1000;
/// Percent of the items, by position from the first.
constexpr std::int64_t kWithReservePrice = 40, kWithBuyNow = 10, kUnique = 80;
constexpr std::int64_t kQuantityMax = 10;
constexpr days kLongestAuction{7};
/// Old auctions ended within this time, those with higher ids later.
constexpr days kHistory{180};
constexpr std::array<std::int64_t, 5> kRatings{-5, -3, 0, 3, 5};

constexpr Cents dollars(std::int64_t amount) noexcept { return {amount * 100}; }

void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

/// Round robin over the categories that have items left.
std::vector<std::uint8_t> assign_categories(std::int64_t items) {
  std::vector<std::int64_t> left = category_sizes(items);
  std::vector<std::uint8_t> categories;
  categories.reserve(static_cast<std::size_t>(items));
  for (std::int64_t index = 0; index < items; ++index) {
    auto category = static_cast<std::size_t>(index) % left.size();
    while (left[category] == 0) category = (category + 1) % left.size();
    --left[category];
    categories.push_back(static_cast<std::uint8_t>(category));
  }
  return categories;
}

}  // namespace

std::vector<std::int64_t> category_sizes(std::int64_t items) {
  const auto& categories = rubis_categories();
  const std::int64_t all =
      std::accumulate(categories.begin(), categories.end(), std::int64_t{0},
                      [](std::int64_t sum, const auto& line) { return sum + line.items; });
  const std::int64_t each = items >= std::ssize(categories) ? 1 : 0;
  const std::int64_t shared = items - each * std::ssize(categories);
  std::vector<std::int64_t> sizes;
  // Rounding of the running sum makes the parts add up.
  std::int64_t before = 0;
  for (const auto& line : categories) {
    const std::int64_t after = before + line.items;
    sizes.push_back(each + shared * after / all - shared * before / all);
    before = after;
  }
  return sizes;
}

Plan::Plan(const PopulateOptions& options) : options_(options) {
  require(options.users >= 0 && options.users <= kUsersMax, "users: 0 to 100,000,000");
  require(options.items >= 0 && options.old_items >= 0 && options.items + options.old_items <= kItemsMax,
          "items and old items: 0 to 100,000,000 together");
  require(options.bids_per_item_max >= 0 && options.bids_per_item_max <= kBidsPerItemMax,
          "bids per item: 0 to 1,000");
  require(options.users >= 2 || items() == 0, "items need at least two users: a seller and a bidder");
  open_categories_ = assign_categories(options.items);
}

Plan::Position Plan::position_of(Id id) const noexcept {
  if (id < first_open()) return {id - 1, options_.old_items, false};
  return {id - first_open(), options_.items, true};
}

Id Plan::region_of(Id user) const noexcept { return (user - 1) % std::ssize(rubis_regions()) + 1; }

WallSeconds Plan::registered(Id user) const noexcept {
  const seconds before_all = kHistory + 2 * kLongestAuction;
  return options_.now - before_all - seconds{days{365}} + seconds{(user * 31'536'000) / (options_.users + 1)};
}

Id Plan::seller_of(Id item) const noexcept {
  return Random(options_.seed, Stream::item, static_cast<std::uint64_t>(item)).between(1, options_.users);
}

std::int64_t Plan::rating_of(Id item) const noexcept {
  return Random(options_.seed, Stream::comment, static_cast<std::uint64_t>(item)).pick(kRatings);
}

Id Plan::anybody_but(Id user, Id drawn) const noexcept {
  return drawn != user ? drawn : drawn % options_.users + 1;
}

void Plan::set_price(Id id, Position position, PlannedItem& item) const {
  Random random(options_.seed, Stream::item, static_cast<std::uint64_t>(id));
  random.next();  // the seller
  const bool shop = options_.style == PopulateOptions::Style::shop;
  item.initial_price = shop ? shop_price(random) : dollars(random.between(1, 5000));
  const auto among_first = [&](std::int64_t percent) {
    return position.index * 100 < percent * position.total;
  };
  const auto extra = [&] {
    return shop ? Cents{item.initial_price.value * random.between(10, 60) / 5000 * 50}
                : dollars(random.between(0, 999));
  };
  if (among_first(kWithReservePrice)) item.reserve_price = item.initial_price + extra();
  if (among_first(kWithBuyNow)) {
    const Cents base = shop ? *item.reserve_price : item.initial_price + *item.reserve_price;
    item.buy_now = base + extra();
  }
  item.quantity = among_first(kUnique) ? 1 : random.between(1, kQuantityMax);
}

void Plan::set_time(Id id, Position position, PlannedItem& item) const {
  Random random(options_.seed, Stream::item, ~static_cast<std::uint64_t>(id));
  const WallSeconds now = options_.now;
  if (position.open) {
    const seconds left{random.between(1, seconds{kLongestAuction}.count())};
    const auto shortest = std::chrono::ceil<days>(left);
    item.ends = now + left;
    item.starts = item.ends - days{random.between(shortest.count(), kLongestAuction.count())};
  } else {
    const seconds age{seconds{kHistory}.count() * (position.total - position.index) / position.total};
    const days duration{random.between(1, kLongestAuction.count())};
    item.starts = now - kLongestAuction - age;
    item.ends = item.starts + duration;
  }
}

PlannedItem Plan::item(Id id) const {
  const Position position = position_of(id);
  PlannedItem item;
  item.open = position.open;
  item.seller = seller_of(id);
  item.region = region_of(item.seller);
  const auto categories = std::ssize(rubis_categories());
  item.category = 1 + (position.open ? open_categories_[static_cast<std::size_t>(position.index)]
                                     : position.index % categories);
  item.name = options_.style == PopulateOptions::Style::shop
                  ? shop_name(options_.seed, id, item.category)
                  : "RUBiS automatically generated item #" + std::to_string(id);
  set_price(id, position, item);
  set_time(id, position, item);
  const auto placed = bids(id, item);
  item.bids = std::ssize(placed);
  if (!placed.empty()) item.highest_bid = placed.back().amount;
  return item;
}

std::vector<PlannedBid> Plan::bids(Id id, const PlannedItem& item) const {
  Random random(options_.seed, Stream::bids, static_cast<std::uint64_t>(id));
  std::vector<PlannedBid> bids(static_cast<std::size_t>(random.between(0, options_.bids_per_item_max)));
  Cents price = item.initial_price;
  const seconds open = std::min(item.ends, options_.now) - item.starts;
  const bool shop = options_.style == PopulateOptions::Style::shop;
  std::int64_t place = 0;
  for (PlannedBid& bid : bids) {
    const std::int64_t add = random.between(1, 10);
    bid.user = anybody_but(item.seller, random.between(1, options_.users));
    bid.quantity = random.between(1, item.quantity);
    bid.amount = price + dollars(add);
    bid.limit = price + dollars(2 * add);
    bid.placed = item.starts + open * ++place / (std::ssize(bids) + 1);
    price = bid.amount;
    // In a shop nobody bids more than what buys the thing at once.
    if (shop && item.buy_now && price >= *item.buy_now) {
      bids.resize(static_cast<std::size_t>(place - 1));
      break;
    }
  }
  return bids;
}

PlannedComment Plan::comment(Id id, const PlannedItem& item) const {
  Random random(options_.seed, Stream::comment, static_cast<std::uint64_t>(id));
  PlannedComment comment;
  comment.to = item.seller;
  comment.rating = random.pick(kRatings);  // drawn first, as in rating_of
  comment.author = anybody_but(item.seller, random.between(1, options_.users));
  const WallSeconds latest = std::min(options_.now, item.ends + days{3});
  comment.written = latest - seconds{random.between(0, (latest - item.starts).count() / 4)};
  return comment;
}

std::vector<std::int32_t> Plan::ratings() const {
  std::vector<std::int32_t> sums(static_cast<std::size_t>(options_.users) + 1);
  for (Id id = 1; id <= items(); ++id) {
    sums[static_cast<std::size_t>(seller_of(id))] += static_cast<std::int32_t>(rating_of(id));
  }
  return sums;
}

std::string Plan::description(Id id, const PlannedItem& item) const {
  return options_.style == PopulateOptions::Style::shop
             ? shop_description(options_.seed, id, item.category, item.name)
             : rubis_description(options_.seed, id);
}

std::string Plan::comment_text(Id id, const PlannedComment& comment) const {
  return options_.style == PopulateOptions::Style::shop ? shop_comment(options_.seed, id, comment.rating)
                                                        : rubis_comment(options_.seed, id, comment.rating);
}

}  // namespace sluice::auction::population
