#pragma once
#include <span>
#include <string>

/// Every statement of pages and actions, prepared once on each connection. Only what PostgreSQL shares with
/// CockroachDB and YugabyteDB. The order of $1, $2, ... is in the comments.
namespace sluice::auction::postgresql::sql {

struct Statement {
  const char* name;
  std::string text;
};

// Reads of lists, for which a replica may stand in.
extern const Statement kCategories, kRegions;
extern const Statement kRegionNamed;     ///< name
extern const Statement kSearchCategory;  ///< category, now, limit, offset
extern const Statement kSearchRegion;    ///< region, category, now, limit, offset
extern const Statement kEndingSoon;      ///< now, limit
/// For 1 to kWordsOfSearchMax words: now, limit, offset, and for each word its first and the first behind it.
const Statement& search_text(std::size_t words);

// Reads that have to see what was written before.
extern const Statement kItem;           ///< id
extern const Statement kBids;           ///< item, limit
extern const Statement kUser;           ///< id
extern const Statement kCredentials;    ///< nickname
extern const Statement kLogin;          ///< key, now
extern const Statement kCommentsTo;     ///< recipient, limit
extern const Statement kItemsBidOn;     ///< user, oldest end of interest, kLatestBids
extern const Statement kItemsOfSeller;  ///< seller, after, up to, limit
extern const Statement kPurchases;      ///< buyer, oldest, limit
extern const Statement kBeginReading, kEndReading;

// Parts of writes.
extern const Statement kBegin, kCommit, kRollback;
extern const Statement kClock;      ///< The database's time, in seconds.
extern const Statement kLockItem;   ///< id
extern const Statement kFindToken;  ///< token, kind, user
extern const Statement kInsertBid;  ///< user, item, quantity, amount, limit, now, token or NULL, next minimum
extern const Statement kRaisePrice;      ///< item, amount
extern const Statement kInsertPurchase;  ///< buyer, item, quantity, now, token or NULL, left
extern const Statement kTakeQuantity;    ///< item, left, now
extern const Statement kInsertComment;   ///< from, to, item, rating, now, text, token or NULL
extern const Statement kFindNickname;    ///< nickname
extern const Statement kRegionName;      ///< id
extern const Statement kInsertUser;      ///< first name, last name, nickname, password, e-mail, now, region
extern const Statement kSellerRegion;    ///< user
/// name, initial price, quantity, reserve price, buy-now price, now, end, seller, category, region, listed,
/// description, words, token or NULL
extern const Statement kInsertItem;
extern const Statement kInsertLogin;     ///< key, user, expires
extern const Statement kDeleteLogin;     ///< key
extern const Statement kDeleteLogins;    ///< user
extern const Statement kUpdatePassword;  ///< user, hash

/// What a connection of each kind prepares.
std::span<const Statement* const> reads();  ///< Of both kinds.
std::span<const Statement* const> writes();

}  // namespace sluice::auction::postgresql::sql
