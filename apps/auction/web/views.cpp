#include "apps/auction/web/views.hpp"

#include "apps/auction/store/rules.hpp"
#include "apps/auction/web/format.hpp"
#include "apps/auction/web/pictures.hpp"

namespace sluice::auction::web {

namespace {

void add_times(Values& values, WallSeconds ends, WallSeconds now) {
  values.flag("open", ends > now).text("left", time_left(ends, now));
  values.html("ends", Html{utc(ends)}).html("ends_iso", Html{iso8601(ends)});
}

Html plain(std::string text) { return Html{std::move(text)}; }

}  // namespace

std::string shown_name(std::string_view nickname) {
  return nickname.empty() ? "an unknown member" : std::string{nickname};
}

std::string region_label(std::string_view name) {
  const auto dashes = name.find("--");
  if (dashes == std::string_view::npos) return std::string{name};
  std::string_view city = name.substr(dashes + 2);
  while (city.ends_with(' ')) city.remove_suffix(1);
  return std::string{city} + ", " + std::string{name.substr(0, dashes)};
}

Values item_row(const ItemSummary& item, WallSeconds now) {
  Values row;
  row.number("id", item.id).text("name", item.name);
  row.html("picture", plain(picture_path(item.id, item.category)));
  row.html("price", plain(money(item.price))).html("bids", plain(counted(item.bids, "bid", "bids")));
  if (item.buy_now)
    row.html("buy_now", plain(money(*item.buy_now)));
  else
    row.flag("buy_now", false);
  add_times(row, item.ends, now);
  return row;
}

Values::List item_rows(const std::vector<ItemSummary>& items, WallSeconds now) {
  Values::List rows;
  rows.reserve(items.size());
  for (const ItemSummary& item : items) rows.push_back(item_row(item, now));
  return rows;
}

Cents minimum_of(const Item& item) noexcept {
  return minimum_bid({.seller = item.seller,
                      .quantity = item.quantity,
                      .initial_price = item.initial_price,
                      .highest_bid = item.highest_bid,
                      .buy_now = item.buy_now,
                      .ends = item.ends});
}

Values item_values(const Item& item, WallSeconds now) {
  Values values;
  const Cents minimum = minimum_of(item);
  values.number("id", item.id).text("name", item.name);
  values.html("picture", plain(picture_path(item.id, item.category)));
  values.number("category", item.category).text("category_name", item.category_name);
  values.html("price", plain(money(item.price()))).html("initial", plain(money(item.initial_price)));
  values.flag("has_bids", item.bids > 0).html("bids", plain(counted(item.bids, "bid", "bids")));
  values.html("minimum", plain(money(minimum))).html("minimum_plain", plain(plain_amount(minimum)));
  values.number("quantity", item.quantity).flag("several", item.quantity > 1);
  values.number("seller", item.seller).text("seller_name", shown_name(item.seller_name));
  if (item.buy_now && item.quantity > 0)
    values.html("buy_now", plain(money(*item.buy_now)));
  else
    values.flag("buy_now", false);
  values.flag("has_reserve", item.reserve_price.has_value());
  values.flag("reserve_met",
              item.reserve_price && item.highest_bid && *item.highest_bid >= *item.reserve_price);
  values.html("started", plain(utc(item.starts)));
  add_times(values, item.ends, now);
  values.flag("open", item.ends > now && item.quantity > 0);
  return values;
}

Values::List bid_rows(const std::vector<Bid>& bids) {
  Values::List rows;
  rows.reserve(bids.size());
  for (const Bid& bid : bids) {
    Values row;
    row.number("user", bid.user).text("nickname", shown_name(bid.nickname)).flag("top", rows.empty());
    row.flag("known", !bid.nickname.empty());
    row.html("amount", plain(money(bid.amount))).number("quantity", bid.quantity);
    row.html("placed", plain(utc(bid.placed))).html("placed_iso", plain(iso8601(bid.placed)));
    rows.push_back(std::move(row));
  }
  return rows;
}

Values::List comment_rows(const std::vector<Comment>& comments) {
  Values::List rows;
  rows.reserve(comments.size());
  for (const Comment& comment : comments) {
    Values row;
    row.number("author", comment.author).text("nickname", shown_name(comment.nickname));
    row.flag("known", !comment.nickname.empty());
    row.text("text", comment.text).flag("good", comment.rating > 0);
    row.flag("bad", comment.rating < 0).number("rating", comment.rating);
    row.html("written", plain(utc(comment.written))).html("written_iso", plain(iso8601(comment.written)));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sluice::auction::web
