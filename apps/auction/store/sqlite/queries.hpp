#pragma once
#include <array>
#include <string_view>

/// Every read of the pages, in SQL. A test asks SQLite for the plan of each: none scans a table.
namespace sluice::auction::sqlite::queries {

// The columns of an ItemSummary, in its order.
#define SLUICE_SUMMARY \
  "i.id, i.name, i.category, coalesce(i.max_bid, i.initial_price), i.nb_of_bids, i.buy_now, i.end_date"

inline constexpr std::string_view kCategories = "SELECT id, name FROM categories ORDER BY id LIMIT 1000";
inline constexpr std::string_view kRegions = "SELECT id, name FROM regions ORDER BY id LIMIT 1000";
inline constexpr std::string_view kRegionNamed = "SELECT id, name FROM regions WHERE name = ?1";

/// category, now, limit, offset
inline constexpr std::string_view kSearchCategory =
    "SELECT " SLUICE_SUMMARY
    " FROM items i WHERE i.listed = 1 AND i.category = ?1 AND i.end_date > ?2"
    " ORDER BY i.end_date, i.id LIMIT ?3 OFFSET ?4";
/// region, category, now, limit, offset
inline constexpr std::string_view kSearchRegion =
    "SELECT " SLUICE_SUMMARY
    " FROM items i WHERE i.listed = 1 AND i.region = ?1 AND i.category = ?2 AND i.end_date > ?3"
    " ORDER BY i.end_date, i.id LIMIT ?4 OFFSET ?5";
/// FTS5 expression, now, limit, offset
inline constexpr std::string_view kSearchText =
    "SELECT " SLUICE_SUMMARY
    " FROM item_words w CROSS JOIN items i ON i.id = w.rowid"
    " WHERE w.item_words MATCH ?1 AND i.listed = 1 AND i.end_date > ?2"
    " ORDER BY w.rowid DESC LIMIT ?3 OFFSET ?4";
/// now, limit
inline constexpr std::string_view kEndingSoon =
    "SELECT " SLUICE_SUMMARY
    " FROM items i WHERE i.listed = 1 AND i.end_date > ?1 ORDER BY i.end_date, i.id LIMIT ?2";

inline constexpr std::string_view kItem =
    "SELECT i.id, i.name, d.description, i.initial_price, i.quantity, i.reserve_price, i.buy_now, "
    "i.nb_of_bids,"
    " i.max_bid, i.start_date, i.end_date, i.seller, u.nickname, i.category, c.name"
    " FROM items i LEFT JOIN descriptions d ON d.item = i.id LEFT JOIN users u ON u.id = i.seller"
    " LEFT JOIN categories c ON c.id = i.category WHERE i.id = ?1";
/// item, limit
inline constexpr std::string_view kBids =
    "SELECT b.id, b.user_id, u.nickname, b.qty, b.bid, b.date FROM bids b LEFT JOIN users u ON u.id = "
    "b.user_id"
    " WHERE b.item_id = ?1 ORDER BY b.id DESC LIMIT ?2";

inline constexpr std::string_view kUser =
    "SELECT u.id, u.firstname, u.lastname, u.nickname, u.email, u.rating, u.balance, u.creation_date, "
    "u.region, r.name"
    " FROM users u LEFT JOIN regions r ON r.id = u.region WHERE u.id = ?1";
inline constexpr std::string_view kCredentials = "SELECT id, password FROM users WHERE nickname = ?1";
/// key, now
inline constexpr std::string_view kLogin =
    "SELECT l.user, u.nickname, l.expires FROM logins l JOIN users u ON u.id = l.user"
    " WHERE l.key = ?1 AND l.expires > ?2";
/// recipient, limit
inline constexpr std::string_view kCommentsTo =
    "SELECT c.id, c.from_user_id, u.nickname, c.item_id, c.rating, c.date, c.comment"
    " FROM comments c LEFT JOIN users u ON u.id = c.from_user_id WHERE c.to_user_id = ?1 ORDER BY c.id DESC "
    "LIMIT ?2";

/// user, oldest end of interest, kLatestBids. One row an item: its summary, my highest bid, whether it leads.
inline constexpr std::string_view kItemsBidOn =
    "SELECT " SLUICE_SUMMARY
    ", max(b.bid), max(b.bid) = i.max_bid"
    " FROM (SELECT id, item_id, bid FROM bids WHERE user_id = ?1 ORDER BY id DESC LIMIT ?3) b"
    " CROSS JOIN items i ON i.id = b.item_id WHERE i.end_date > ?2 GROUP BY i.id ORDER BY max(b.id) DESC";
/// seller, after, up to, limit
inline constexpr std::string_view kItemsOfSeller =
    "SELECT " SLUICE_SUMMARY
    " FROM items i WHERE i.seller = ?1 AND i.end_date > ?2 AND i.end_date <= ?3"
    " ORDER BY i.end_date DESC, i.id DESC LIMIT ?4";
/// buyer, oldest, limit
inline constexpr std::string_view kPurchases =
    "SELECT " SLUICE_SUMMARY
    ", i.seller, u.nickname, p.qty, p.date"
    " FROM buy_now p CROSS JOIN items i ON i.id = p.item_id LEFT JOIN users u ON u.id = i.seller"
    " WHERE p.buyer_id = ?1 AND p.date >= ?2 ORDER BY p.date DESC, p.id DESC LIMIT ?3";

#undef SLUICE_SUMMARY

struct Named {
  std::string_view name;
  std::string_view sql;
  bool search;  ///< Has pages: must come out of its index in order, without sorting.
};
inline constexpr std::array kReads{
    Named{"categories", kCategories, false},
    Named{"regions", kRegions, false},
    Named{"region_named", kRegionNamed, false},
    Named{"search_category", kSearchCategory, true},
    Named{"search_region", kSearchRegion, true},
    Named{"search_text", kSearchText, true},
    Named{"ending_soon", kEndingSoon, true},
    Named{"item", kItem, false},
    Named{"bids", kBids, true},
    Named{"user", kUser, false},
    Named{"credentials", kCredentials, false},
    Named{"login", kLogin, false},
    Named{"comments_to", kCommentsTo, true},
    Named{"items_bid_on", kItemsBidOn, false},
    Named{"items_of_seller", kItemsOfSeller, true},
    Named{"purchases", kPurchases, true},
};

}  // namespace sluice::auction::sqlite::queries
