#pragma once
#include <string>
#include <vector>

#include "apps/auction/store/domain.hpp"
#include "apps/auction/store/populate/populate.hpp"

/// Decides every row of a population, without a database: a row follows from the options and its number
/// alone.
namespace sluice::auction::population {

struct PlannedItem {
  std::string name;
  Cents initial_price;
  std::int64_t quantity = 1;
  std::optional<Cents> reserve_price, buy_now;
  std::int64_t bids = 0;
  std::optional<Cents> highest_bid;
  WallSeconds starts{}, ends{};
  Id seller = 0, category = 0, region = 0;
  bool open = false;
};

struct PlannedBid {
  Id user = 0;
  std::int64_t quantity = 1;
  Cents amount, limit;
  WallSeconds placed{};
};

struct PlannedComment {
  Id author = 0, to = 0;
  std::int64_t rating = 0;
  WallSeconds written{};
};

/// Items are numbered from 1, as their ids: the old ones first, then the open ones. Users from 1.
class Plan {
 public:
  /// Throws std::invalid_argument for sizes that make no sense.
  explicit Plan(const PopulateOptions& options);

  std::int64_t items() const noexcept { return options_.old_items + options_.items; }
  Id first_open() const noexcept { return options_.old_items + 1; }

  PlannedItem item(Id id) const;
  /// Of the item `item(id)`, the first one first; strictly rising.
  std::vector<PlannedBid> bids(Id id, const PlannedItem& item) const;
  PlannedComment comment(Id id, const PlannedItem& item) const;
  /// Sums of the ratings of all comments, by user id; [0] is unused.
  std::vector<std::int32_t> ratings() const;
  WallSeconds registered(Id user) const noexcept;
  Id region_of(Id user) const noexcept;
  Id seller_of(Id item) const noexcept;
  std::int64_t rating_of(Id item) const noexcept;

  std::string description(Id id, const PlannedItem& item) const;
  std::string comment_text(Id id, const PlannedComment& comment) const;

 private:
  struct Position {
    std::int64_t index, total;  // among the old items, or among the open ones
    bool open;
  };
  Position position_of(Id id) const noexcept;
  void set_price(Id id, Position position, PlannedItem& item) const;
  void set_time(Id id, Position position, PlannedItem& item) const;
  Id anybody_but(Id user, Id drawn) const noexcept;

  PopulateOptions options_;
  std::vector<std::uint8_t> open_categories_;  // by position among the open items
};

/// How many of `items` open items each of the 20 categories gets: in RUBiS' proportions, at least one when
/// there are enough to go round.
std::vector<std::int64_t> category_sizes(std::int64_t items);

}  // namespace sluice::auction::population
