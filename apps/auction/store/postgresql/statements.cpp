#include "apps/auction/store/postgresql/statements.hpp"

#include <array>
#include <vector>

#include "apps/auction/store/postgresql/words.hpp"

namespace sluice::auction::postgresql::sql {

namespace {

// The columns of an ItemSummary, in its order.
#define SLUICE_SUMMARY \
  "i.id, i.name, i.category, coalesce(i.max_bid, i.initial_price), i.nb_of_bids, i.buy_now, i.end_date"

std::array<Statement, kWordsOfSearchMax> text_searches() {
  static constexpr const char* kNames[kWordsOfSearchMax] = {"search_1", "search_2", "search_3", "search_4",
                                                            "search_5", "search_6", "search_7", "search_8"};
  std::array<Statement, kWordsOfSearchMax> searches;
  std::string text = "SELECT " SLUICE_SUMMARY " FROM items i WHERE i.listed AND i.end_date > $1";
  for (std::size_t word = 0; word < kWordsOfSearchMax; ++word) {
    const std::size_t first = 4 + 2 * word;
    text += " AND i.id IN (SELECT item FROM item_words WHERE word >= $" + std::to_string(first) +
            " AND word < $" + std::to_string(first + 1) + ")";
    searches[word] = {kNames[word], text + " ORDER BY i.id DESC LIMIT $2 OFFSET $3"};
  }
  return searches;
}

const std::array<Statement, kWordsOfSearchMax>& all_text_searches() {
  static const auto searches = text_searches();
  return searches;
}

}  // namespace

const Statement& search_text(std::size_t words) { return all_text_searches().at(words - 1); }

const Statement kCategories{"categories", "SELECT id, name FROM categories ORDER BY id LIMIT 1000"};
const Statement kRegions{"regions", "SELECT id, name FROM regions ORDER BY id LIMIT 1000"};
const Statement kRegionNamed{
    "region_named", "SELECT id, name FROM regions WHERE rtrim(name) = rtrim($1) ORDER BY id LIMIT 1"};
const Statement kSearchCategory{"search_category", "SELECT " SLUICE_SUMMARY
                                                   " FROM items i WHERE i.category = $1 AND i.end_date > $2"
                                                   " ORDER BY i.end_date, i.id LIMIT $3 OFFSET $4"};
const Statement kSearchRegion{"search_region",
                              "SELECT " SLUICE_SUMMARY
                              " FROM items i WHERE i.region = $1 AND i.category = $2 AND i.end_date > $3"
                              " ORDER BY i.end_date, i.id LIMIT $4 OFFSET $5"};
const Statement kEndingSoon{"ending_soon",
                            "SELECT " SLUICE_SUMMARY
                            " FROM items i WHERE i.end_date > $1 ORDER BY i.end_date, i.id LIMIT $2"};

const Statement kItem{
    "item",
    "SELECT i.id, i.name, d.description, i.initial_price, i.quantity, i.reserve_price, i.buy_now, "
    "i.nb_of_bids,"
    " i.max_bid, i.start_date, i.end_date, i.seller, u.nickname, i.category, c.name"
    " FROM items i LEFT JOIN descriptions d ON d.item = i.id LEFT JOIN users u ON u.id = i.seller"
    " LEFT JOIN categories c ON c.id = i.category WHERE i.id = $1"};
// By amount: accepted bids strictly rise, while ids rise everywhere only in PostgreSQL (others hand out
// ranges of a sequence to each session).
const Statement kBids{"bids",
                      "SELECT b.id, b.user_id, u.nickname, b.qty, b.bid, b.date"
                      " FROM bids b LEFT JOIN users u ON u.id = b.user_id"
                      " WHERE b.item_id = $1 ORDER BY b.bid DESC LIMIT $2"};
const Statement kUser{"user",
                      "SELECT u.id, u.firstname, u.lastname, u.nickname, u.email, u.rating, u.balance,"
                      " u.creation_date, u.region, r.name"
                      " FROM users u LEFT JOIN regions r ON r.id = u.region WHERE u.id = $1"};
const Statement kCredentials{"credentials", "SELECT id, password FROM users WHERE nickname = $1"};
const Statement kLogin{
    "login",
    "SELECT l.user_id, u.nickname, l.expires FROM logins l JOIN users u ON u.id = l.user_id"
    " WHERE l.key = $1 AND l.expires > $2"};
const Statement kCommentsTo{"comments_to",
                            "SELECT c.id, c.from_user_id, u.nickname, c.item_id, c.rating, c.date, c.comment"
                            " FROM comments c LEFT JOIN users u ON u.id = c.from_user_id"
                            " WHERE c.to_user_id = $1 ORDER BY c.id DESC LIMIT $2"};
const Statement kItemsBidOn{
    "items_bid_on",
    "SELECT " SLUICE_SUMMARY
    ", max(b.bid), max(b.bid) = i.max_bid"
    " FROM (SELECT id, item_id, bid FROM bids WHERE user_id = $1 ORDER BY id DESC LIMIT $3) b"
    " JOIN items i ON i.id = b.item_id WHERE i.end_date > $2 GROUP BY i.id ORDER BY max(b.id) DESC"};
const Statement kItemsOfSeller{"items_of_seller",
                               "SELECT " SLUICE_SUMMARY
                               " FROM items i WHERE i.seller = $1 AND i.end_date > $2 AND i.end_date <= $3"
                               " ORDER BY i.end_date DESC, i.id DESC LIMIT $4"};
const Statement kPurchases{
    "purchases", "SELECT " SLUICE_SUMMARY
                 ", i.seller, u.nickname, p.qty, p.date"
                 " FROM buy_now p JOIN items i ON i.id = p.item_id LEFT JOIN users u ON u.id = i.seller"
                 " WHERE p.buyer_id = $1 AND p.date >= $2 ORDER BY p.date DESC, p.id DESC LIMIT $3"};
const Statement kBeginReading{"begin_reading", "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"};
const Statement kEndReading{"end_reading", "COMMIT"};

// At the database's own level of isolation: enough from READ COMMITTED on, where a waiting FOR UPDATE goes on
// with the row as the other left it. Above that the conflict is an error, and the transaction is tried again.
const Statement kBegin{"begin", "BEGIN"};
const Statement kCommit{"commit", "COMMIT"};
const Statement kRollback{"rollback", "ROLLBACK"};
// Not now(), which stands still from the beginning of the transaction: an auction may end while we wait for
// its row.
const Statement kClock{"clock", "SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)"};
const Statement kLockItem{
    "lock_item",
    "SELECT seller, quantity, initial_price, max_bid, buy_now, end_date FROM items WHERE id = $1 FOR UPDATE"};
const Statement kFindToken{"find_token",
                           "SELECT outcome, detail FROM form_tokens WHERE token = $1 AND kind = $2"
                           " AND user_id = $3"};

// Where a form's token needs the id of the row that it made, both are one statement, and there is one way to
// the database less. The kind of the token stands in the text.
const Statement kInsertBid{
    "insert_bid",
    "WITH b AS (INSERT INTO bids(user_id, item_id, qty, bid, max_bid, date) VALUES ($1, $2, $3, $4, $5, $6)"
    " RETURNING id), t AS (INSERT INTO form_tokens(token, kind, user_id, outcome, detail, accepted)"
    " SELECT CAST($7 AS BYTEA), 1, CAST($1 AS BIGINT), b.id, CAST($8 AS BIGINT), CAST($6 AS BIGINT) FROM b"
    " WHERE CAST($7 AS BYTEA) IS NOT NULL RETURNING 1) SELECT id FROM b"};
const Statement kRaisePrice{"raise_price",
                            "UPDATE items SET nb_of_bids = nb_of_bids + 1, max_bid = $2 WHERE id = $1"};
const Statement kInsertPurchase{
    "insert_purchase",
    "WITH p AS (INSERT INTO buy_now(buyer_id, item_id, qty, date) VALUES ($1, $2, $3, $4) RETURNING id),"
    " t AS (INSERT INTO form_tokens(token, kind, user_id, outcome, detail, accepted)"
    " SELECT CAST($5 AS BYTEA), 2, CAST($1 AS BIGINT), p.id, CAST($6 AS BIGINT), CAST($4 AS BIGINT) FROM p"
    " WHERE CAST($5 AS BYTEA) IS NOT NULL RETURNING 1) SELECT id FROM p"};
const Statement kTakeQuantity{"take_quantity",
                              "UPDATE items SET quantity = $2, end_date = CASE WHEN CAST($2 AS BIGINT) = 0"
                              " THEN CAST($3 AS BIGINT) ELSE end_date END WHERE id = $1"};
const Statement kInsertComment{
    "insert_comment",
    "WITH u AS (UPDATE users SET rating = rating + $4 WHERE id = $2 RETURNING id),"
    " c AS (INSERT INTO comments(from_user_id, to_user_id, item_id, rating, date, comment)"
    " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id),"
    " t AS (INSERT INTO form_tokens(token, kind, user_id, outcome, detail, accepted)"
    " SELECT CAST($7 AS BYTEA), 3, CAST($1 AS BIGINT), c.id, (SELECT count(*) FROM u), CAST($5 AS BIGINT)"
    " FROM c WHERE CAST($7 AS BYTEA) IS NOT NULL RETURNING 1) SELECT count(*) FROM u"};
const Statement kFindNickname{"find_nickname", "SELECT id, password FROM users WHERE nickname = $1"};
const Statement kRegionName{"region_name", "SELECT id, name FROM regions WHERE id = $1"};
const Statement kInsertUser{
    "insert_user",
    "INSERT INTO users(firstname, lastname, nickname, password, email, rating, balance,"
    " creation_date, region) VALUES ($1, $2, $3, $4, $5, 0, 0, $6, $7) RETURNING id"};
const Statement kSellerRegion{"seller_region", "SELECT region FROM users WHERE id = $1"};
const Statement kInsertItem{
    "insert_item",
    "WITH i AS (INSERT INTO items(name, initial_price, quantity, reserve_price, buy_now, start_date, "
    "end_date,"
    " seller, category, region, listed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id),"
    " d AS (INSERT INTO descriptions(item, description) SELECT i.id, CAST($12 AS TEXT) FROM i RETURNING 1),"
    " w AS (INSERT INTO item_words(word, item) SELECT words.word, i.id FROM i,"
    " unnest(CAST($13 AS BYTEA[])) AS words(word) RETURNING 1),"
    " t AS (INSERT INTO form_tokens(token, kind, user_id, outcome, detail, accepted)"
    " SELECT CAST($14 AS BYTEA), 4, CAST($8 AS BIGINT), i.id, 0, CAST($6 AS BIGINT) FROM i"
    " WHERE CAST($14 AS BYTEA) IS NOT NULL RETURNING 1) SELECT id FROM i"};
const Statement kInsertLogin{"insert_login",
                             "INSERT INTO logins(key, user_id, expires) VALUES ($1, $2, $3)"
                             " ON CONFLICT (key) DO UPDATE SET user_id = excluded.user_id,"
                             " expires = excluded.expires"};
const Statement kDeleteLogin{"delete_login", "DELETE FROM logins WHERE key = $1"};
const Statement kDeleteLogins{"delete_logins", "DELETE FROM logins WHERE user_id = $1"};
const Statement kUpdatePassword{"update_password", "UPDATE users SET password = $2 WHERE id = $1"};

#undef SLUICE_SUMMARY

std::span<const Statement* const> reads() {
  static const std::vector<const Statement*> statements = [] {
    std::vector<const Statement*> all{
        &kCategories, &kRegions,       &kRegionNamed, &kSearchCategory, &kSearchRegion, &kEndingSoon,
        &kItem,       &kBids,          &kUser,        &kCredentials,    &kLogin,        &kCommentsTo,
        &kItemsBidOn, &kItemsOfSeller, &kPurchases,   &kBeginReading,   &kEndReading};
    for (const Statement& search : all_text_searches()) all.push_back(&search);
    return all;
  }();
  return statements;
}

std::span<const Statement* const> writes() {
  static const std::vector<const Statement*> statements{
      &kBegin,         &kCommit,       &kRollback,    &kClock,          &kLockItem,
      &kFindToken,     &kInsertBid,    &kRaisePrice,  &kInsertPurchase, &kTakeQuantity,
      &kInsertComment, &kFindNickname, &kRegionName,  &kInsertUser,     &kSellerRegion,
      &kInsertItem,    &kInsertLogin,  &kDeleteLogin, &kDeleteLogins,   &kUpdatePassword};
  return statements;
}

}  // namespace sluice::auction::postgresql::sql
