#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/auction/store/repository.hpp"

/// What the databases have in common: which columns make which value, and the bounds of what is read and
/// written. A `Row` hands out its columns from left to right: `number()`, `text()`, and `take<T>()` for
/// Cents, WallSeconds, bool, and optionals of them.
namespace sluice::auction {

template <class Row>
Category to_category(Row row) {
  return {.id = row.number(), .name = row.text()};
}

template <class Row>
Region to_region(Row row) {
  return {.id = row.number(), .name = row.text()};
}

template <class Row>
ItemSummary take_summary(Row& row) {
  return {.id = row.number(),
          .name = row.text(),
          .category = row.number(),
          .price = row.template take<Cents>(),
          .bids = row.number(),
          .buy_now = row.template take<std::optional<Cents>>(),
          .ends = row.template take<WallSeconds>()};
}

template <class Row>
ItemSummary to_summary(Row row) {
  return take_summary(row);
}

template <class Row>
Item to_item(Row row) {
  return {.id = row.number(),
          .name = row.text(),
          .description = row.text(),
          .initial_price = row.template take<Cents>(),
          .quantity = row.number(),
          .reserve_price = row.template take<std::optional<Cents>>(),
          .buy_now = row.template take<std::optional<Cents>>(),
          .bids = row.number(),
          .highest_bid = row.template take<std::optional<Cents>>(),
          .starts = row.template take<WallSeconds>(),
          .ends = row.template take<WallSeconds>(),
          .seller = row.number(),
          .seller_name = row.text(),
          .category = row.number(),
          .category_name = row.text()};
}

template <class Row>
Bid to_bid(Row row) {
  return {.id = row.number(),
          .user = row.number(),
          .nickname = row.text(),
          .quantity = row.number(),
          .amount = row.template take<Cents>(),
          .placed = row.template take<WallSeconds>()};
}

template <class Row>
User to_user(Row row) {
  return {.id = row.number(),
          .firstname = row.text(),
          .lastname = row.text(),
          .nickname = row.text(),
          .email = row.text(),
          .rating = row.number(),
          .balance = row.template take<Cents>(),
          .created = row.template take<WallSeconds>(),
          .region = row.number(),
          .region_name = row.text()};
}

template <class Row>
Comment to_comment(Row row) {
  return {.id = row.number(),
          .author = row.number(),
          .nickname = row.text(),
          .item = row.number(),
          .rating = row.number(),
          .written = row.template take<WallSeconds>(),
          .text = row.text()};
}

template <class Row>
Credentials to_credentials(Row row) {
  return {.user = row.number(), .password_hash = row.text()};
}

template <class Row>
Login to_login(Row row) {
  return {.user = row.number(), .nickname = row.text(), .expires = row.template take<WallSeconds>()};
}

template <class Row>
Account::MyBid to_my_bid(Row row) {
  return {
      .item = take_summary(row), .mine = row.template take<Cents>(), .winning = row.template take<bool>()};
}

template <class Row>
Account::Purchase to_purchase(Row row) {
  return {.item = take_summary(row),
          .seller = row.number(),
          .seller_name = row.text(),
          .quantity = row.number(),
          .bought = row.template take<WallSeconds>()};
}

/// LIMIT and OFFSET of a page. Page numbers come from links that anybody can type.
struct Window {
  std::int64_t limit, offset;
};
Window window_of(Page page) noexcept;

/// How far back "my account" looks.
inline constexpr std::chrono::days kRecent{30};
inline constexpr WallSeconds kEver{std::chrono::seconds{std::int64_t{1} << 60}};
/// Bids of one user that "my account" looks at: the latest ones. Bounds the page for people (and machines)
/// who bid all day.
inline constexpr std::int64_t kLatestBids = 1000;

/// Sorts items that were bid on into those still open and those won.
void add_bids(Account& account, std::vector<Account::MyBid> bid_on, WallSeconds now);

/// Forms that carry a token, as table form_tokens numbers them.
enum class Form : std::uint8_t { bid = 1, purchase, comment, item };

/// Longer than anybody keeps a form open, or a browser goes on retrying.
inline constexpr std::chrono::days kTokensKept{7};
/// Bounds how long one step of housekeeping keeps others waiting, in rows.
inline constexpr std::int64_t kHouseworkMax = 200;

/// Whether every table takes these values.
bool acceptable(const BidRequest& request) noexcept;
bool acceptable(const CommentRequest& request) noexcept;
bool acceptable(const NewItem& item) noexcept;

}  // namespace sluice::auction
