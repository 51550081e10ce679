#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

/// The things an auction is about. Plain values; the rules are in rules.hpp, storage in repository.hpp.
namespace sluice::auction {

/// Row id. Real ones are positive; RUBiS' client also sends 0 and -1, which simply exist nowhere.
using Id = std::int64_t;

/// Money. Integer cents everywhere: RUBiS' floats lose bids of a cent.
struct Cents {
  std::int64_t value = 0;
  auto operator<=>(const Cents&) const = default;
};
constexpr Cents operator+(Cents a, Cents b) noexcept { return {a.value + b.value}; }

struct Category {
  Id id = 0;
  std::string name;
};

struct Region {
  Id id = 0;
  std::string name;  ///< "MA--Boston " keeps its trailing blank, as in RUBiS' file; compared without it.
};

struct User {
  Id id = 0;
  std::string firstname, lastname, nickname, email;
  std::int64_t rating = 0;
  Cents balance;
  WallSeconds created{};
  Id region = 0;
  std::string region_name;  ///< Empty when the region does not exist.
};

/// A row of a list of items.
struct ItemSummary {
  Id id = 0;
  std::string name;
  Id category = 0;
  Cents price;  ///< Highest bid, or the initial price while there is none.
  std::int64_t bids = 0;
  std::optional<Cents> buy_now;
  WallSeconds ends{};
};

struct Item {
  Id id = 0;
  std::string name, description;
  Cents initial_price;
  std::int64_t quantity = 0;
  std::optional<Cents> reserve_price;
  std::optional<Cents> buy_now;
  std::int64_t bids = 0;
  std::optional<Cents> highest_bid;
  WallSeconds starts{}, ends{};
  Id seller = 0;
  std::string
      seller_name;  ///< Empty when the seller does not exist (RUBiS' client registers items of user 0).
  Id category = 0;
  std::string category_name;

  Cents price() const noexcept { return highest_bid.value_or(initial_price); }
};

struct Bid {
  Id id = 0;
  Id user = 0;
  std::string nickname;  ///< Empty when the user does not exist.
  std::int64_t quantity = 0;
  Cents amount;
  WallSeconds placed{};
};

struct Comment {
  Id id = 0;
  Id author = 0;
  std::string nickname;  ///< Of the author; empty when unknown.
  Id item = 0;
  std::int64_t rating = 0;
  WallSeconds written{};
  std::string text;
};

/// Random, from the form a person filled in. A second submission with the same one counts once.
using FormToken = std::array<std::uint8_t, 16>;

struct BidRequest {
  Id item = 0;
  Id user = 0;
  std::int64_t quantity = 1;
  Cents amount;
  /// RUBiS' "maximum bid". Recorded, at least `amount`; nobody bids on the user's behalf.
  Cents limit;
  std::optional<FormToken> token;
  /// Sellers may not bid on their own items. Off for RUBiS' client, which draws its users blindly.
  bool refuse_own_item = true;
};

enum class BidResult : std::uint8_t {
  accepted,
  outbid,  ///< Below `minimum`.
  ended,   ///< The auction is over.
  no_such_item,
  bad_quantity,  ///< Less than 1 or more than the item has.
  own_item,
};

struct BidOutcome {
  BidResult result = BidResult::no_such_item;
  Id bid = 0;             ///< Of the accepted bid.
  Cents minimum;          ///< The next bid has to be at least this (after acceptance: from somebody else).
  bool replayed = false;  ///< This form had been accepted before; nothing was recorded again.
};

struct PurchaseRequest {
  Id item = 0;
  Id buyer = 0;
  std::int64_t quantity = 1;
  std::optional<FormToken> token;
  bool refuse_own_item = true;
};

enum class PurchaseResult : std::uint8_t {
  accepted,
  ended,
  no_such_item,
  not_for_sale,
  bad_quantity,
  own_item
};

struct PurchaseOutcome {
  PurchaseResult result = PurchaseResult::no_such_item;
  std::int64_t left = 0;  ///< Quantity that remains.
  bool replayed = false;
};

struct CommentRequest {
  Id item = 0, to = 0, from = 0;
  std::int64_t rating = 0;  ///< -5 to 5.
  std::string text;
  std::optional<FormToken> token;
};

struct NewUser {
  std::string firstname, lastname, nickname, email;
  std::string password_hash;  ///< See web/password.hpp.
  Id region = 0;
};

struct NewItem {
  std::string name, description;
  Cents initial_price;
  std::optional<Cents> reserve_price, buy_now;
  std::int64_t quantity = 1;
  std::int64_t days = 7;  ///< Negative: already over (that is how RUBiS makes old items).
  Id seller = 0, category = 0;
  std::optional<FormToken> token;
};

/// What "my account" shows. Lists are bounded to `kListMax` rows, newest first.
struct Account {
  struct MyBid {
    ItemSummary item;
    Cents mine;  ///< My highest bid on it.
    bool winning = false;
  };
  struct Purchase {
    ItemSummary item;
    Id seller = 0;
    std::string seller_name;
    std::int64_t quantity = 0;
    WallSeconds bought{};
  };
  User user;
  std::vector<MyBid> bidding;        ///< Open auctions with a bid of mine.
  std::vector<ItemSummary> selling;  ///< Open auctions of mine.
  std::vector<ItemSummary> sold;     ///< Mine, ended within 30 days.
  std::vector<MyBid> won;            ///< Ended within 30 days, my bid the highest.
  std::vector<Purchase> bought;      ///< Within 30 days, by buy-it-now.
  std::vector<Comment> comments;     ///< To me.
};

}  // namespace sluice::auction
