#include "apps/auction/store/sqlite/write_operations.hpp"

#include <algorithm>

namespace sluice::auction::sqlite {

namespace {

/// result<bool> can't tell an error_code from a bool by itself.
Result<bool> failed(const error_code& error) { return {boost::system::in_place_error, error}; }

}  // namespace

WriteOperations::WriteOperations(Connection& db)
    : db_(db),
      find_token_(db, "SELECT outcome, detail FROM form_tokens WHERE token = ?1 AND kind = ?2 AND user = ?3"),
      insert_token_(db,
                    "INSERT INTO form_tokens(token, kind, user, outcome, detail, accepted)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
      item_state_(db,
                  "SELECT seller, quantity, initial_price, max_bid, buy_now, end_date, category FROM items "
                  "WHERE id = ?1"),
      insert_bid_(
          db, "INSERT INTO bids(user_id, item_id, qty, bid, max_bid, date) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
      raise_price_(db, "UPDATE items SET nb_of_bids = nb_of_bids + 1, max_bid = ?2 WHERE id = ?1"),
      take_quantity_(db,
                     "UPDATE items SET quantity = ?2, end_date = CASE ?2 WHEN 0 THEN ?3 ELSE end_date END"
                     " WHERE id = ?1"),
      insert_purchase_(db, "INSERT INTO buy_now(buyer_id, item_id, qty, date) VALUES (?1, ?2, ?3, ?4)"),
      insert_comment_(db,
                      "INSERT INTO comments(from_user_id, to_user_id, item_id, rating, date, comment)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
      add_rating_(db, "UPDATE users SET rating = rating + ?2 WHERE id = ?1"),
      find_nickname_(db, "SELECT 1 FROM users WHERE nickname = ?1"),
      insert_user_(db,
                   "INSERT INTO users(firstname, lastname, nickname, password, email, rating, balance,"
                   " creation_date, region) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6, ?7)"),
      find_region_(db, "SELECT name FROM regions WHERE id = ?1"),
      seller_region_(db, "SELECT region FROM users WHERE id = ?1"),
      insert_item_(
          db,
          "INSERT INTO items(name, initial_price, quantity, reserve_price, buy_now, start_date, end_date,"
          " seller, category, region, listed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"),
      insert_description_(db, "INSERT INTO descriptions(item, description) VALUES (?1, ?2)"),
      insert_words_(db, "INSERT INTO item_words(rowid, name) VALUES (?1, ?2)"),
      insert_login_(db, "INSERT OR REPLACE INTO logins(key, user, expires) VALUES (?1, ?2, ?3)"),
      delete_login_(db, "DELETE FROM logins WHERE key = ?1"),
      delete_logins_(db, "DELETE FROM logins WHERE user = ?1"),
      update_password_(db, "UPDATE users SET password = ?2 WHERE id = ?1"),
      ended_items_(
          db, "SELECT id, name FROM items WHERE listed = 1 AND end_date <= ?1 ORDER BY end_date LIMIT ?2"),
      delete_words_(db, "INSERT INTO item_words(item_words, rowid, name) VALUES ('delete', ?1, ?2)"),
      unlist_item_(db, "UPDATE items SET listed = 0 WHERE id = ?1"),
      delete_expired_logins_(db,
                             "DELETE FROM logins WHERE key IN (SELECT key FROM logins WHERE expires <= ?1 "
                             "ORDER BY expires LIMIT ?2)"),
      delete_old_tokens_(db,
                         "DELETE FROM form_tokens WHERE (token, kind, user) IN (SELECT token, kind, user"
                         " FROM form_tokens WHERE accepted <= ?1 ORDER BY accepted LIMIT ?2)") {}

Result<std::optional<WriteOperations::Outcome>> WriteOperations::accepted_before(
    Form form, Id user, const std::optional<FormToken>& token) {
  if (!token) return std::optional<Outcome>{};
  Query query = find_token_.run(*token, static_cast<int>(form), user);
  if (!query.next()) {
    if (query.error()) return query.error();
    return std::optional<Outcome>{};
  }
  Row row = query.row();
  return Outcome{.outcome = row.number(), .detail = row.number()};
}

error_code WriteOperations::accept(Form form, Id user, const std::optional<FormToken>& token, Outcome outcome,
                                   WallSeconds now) {
  if (!token) return {};
  return insert_token_.execute(*token, static_cast<int>(form), user, outcome.outcome, outcome.detail, now);
}

Result<std::optional<WriteOperations::Found>> WriteOperations::find(Id item) {
  Query query = item_state_.run(item);
  if (!query.next()) {
    if (query.error()) return query.error();
    return std::optional<Found>{};
  }
  Row row = query.row();
  const ItemState state{.seller = row.number(),
                        .quantity = row.number(),
                        .initial_price = row.take<Cents>(),
                        .highest_bid = row.take<std::optional<Cents>>(),
                        .buy_now = row.take<std::optional<Cents>>(),
                        .ends = row.take<WallSeconds>()};
  return Found{.state = state, .category = row.number()};
}

Result<BidOutcome> WriteOperations::place_bid(const BidRequest& request, WallSeconds now) {
  if (!acceptable(request)) return StoreError::invalid;
  const auto before = accepted_before(Form::bid, request.user, request.token);
  if (!before) return before.error();
  if (*before) {
    return BidOutcome{.result = BidResult::accepted,
                      .bid = (*before)->outcome,
                      .minimum = {(*before)->detail},
                      .replayed = true};
  }
  const auto item = find(request.item);
  if (!item) return item.error();
  if (!*item) return BidOutcome{.result = BidResult::no_such_item, .minimum = {}};
  BidOutcome outcome = decide_bid((*item)->state, request, now);
  if (outcome.result != BidResult::accepted) return outcome;
  changed_.push_back({Topic::Kind::item, request.item});

  const Cents limit = std::max(request.amount, request.limit);
  if (const auto error =
          insert_bid_.execute(request.user, request.item, request.quantity, request.amount, limit, now)) {
    return error;
  }
  outcome.bid = last_id();
  if (const auto error = raise_price_.execute(request.item, request.amount)) return error;
  if (const auto error =
          accept(Form::bid, request.user, request.token, {outcome.bid, outcome.minimum.value}, now)) {
    return error;
  }
  return outcome;
}

void WriteOperations::change_lists(Id category) {
  changed_.push_back({Topic::Kind::category, category});
  changed_.push_back({Topic::Kind::auctions, 0});
}

Result<PurchaseOutcome> WriteOperations::buy_now(const PurchaseRequest& request, WallSeconds now) {
  const auto before = accepted_before(Form::purchase, request.buyer, request.token);
  if (!before) return before.error();
  if (*before) {
    return PurchaseOutcome{.result = PurchaseResult::accepted, .left = (*before)->detail, .replayed = true};
  }
  const auto item = find(request.item);
  if (!item) return item.error();
  if (!*item) return PurchaseOutcome{.result = PurchaseResult::no_such_item};
  const PurchaseOutcome outcome = decide_purchase((*item)->state, request, now);
  if (outcome.result != PurchaseResult::accepted) return outcome;
  changed_.push_back({Topic::Kind::item, request.item});
  // With nothing left the auction is over.
  if (outcome.left == 0) change_lists((*item)->category);

  if (const auto error = take_quantity_.execute(request.item, outcome.left, now)) return error;
  if (const auto error = insert_purchase_.execute(request.buyer, request.item, request.quantity, now))
    return error;
  if (const auto error =
          accept(Form::purchase, request.buyer, request.token, {last_id(), outcome.left}, now)) {
    return error;
  }
  return outcome;
}

Result<bool> WriteOperations::add_comment(const CommentRequest& request, WallSeconds now) {
  if (!acceptable(request)) return StoreError::invalid;
  const auto before = accepted_before(Form::comment, request.from, request.token);
  if (!before) return failed(before.error());
  if (*before) return (*before)->detail != 0;

  if (const auto error = insert_comment_.execute(request.from, request.to, request.item, request.rating, now,
                                                 request.text)) {
    return failed(error);
  }
  const Id comment = last_id();
  if (const auto error = add_rating_.execute(request.to, request.rating)) return failed(error);
  const bool known = sqlite3_changes(db_.get()) > 0;
  if (const auto error = accept(Form::comment, request.from, request.token, {comment, known}, now))
    return failed(error);
  return known;
}

Result<User> WriteOperations::register_user(const NewUser& user, WallSeconds now) {
  {
    Query query = find_nickname_.run(user.nickname);
    if (query.next()) return StoreError::nickname_taken;
    if (query.error()) return query.error();
  }
  if (const auto error = insert_user_.execute(user.firstname, user.lastname, user.nickname,
                                              user.password_hash, user.email, now, user.region)) {
    return error;
  }
  changed_.push_back({Topic::Kind::user, last_id()});
  User stored{.id = last_id(),
              .firstname = user.firstname,
              .lastname = user.lastname,
              .nickname = user.nickname,
              .email = user.email,
              .balance = {},
              .created = now,
              .region = user.region,
              .region_name = {}};
  Query region = find_region_.run(user.region);
  if (region.next()) stored.region_name = region.row().text();
  if (region.error()) return region.error();
  return stored;
}

Result<Id> WriteOperations::register_item(const NewItem& item, WallSeconds now) {
  if (!acceptable(item)) return StoreError::invalid;
  const auto before = accepted_before(Form::item, item.seller, item.token);
  if (!before) return before.error();
  if (*before) return (*before)->outcome;

  Id region = 0;
  {
    Query query = seller_region_.run(item.seller);
    if (query.next()) region = query.row().number();
    if (query.error()) return query.error();
  }
  const WallSeconds ends = now + std::chrono::days{item.days};
  const bool listed = ends > now;
  if (const auto error =
          insert_item_.execute(item.name, item.initial_price, item.quantity, item.reserve_price, item.buy_now,
                               now, ends, item.seller, item.category, region, listed)) {
    return error;
  }
  const Id id = last_id();
  changed_.push_back({Topic::Kind::item, id});
  change_lists(item.category);
  if (const auto error = insert_description_.execute(id, item.description)) return error;
  if (listed) {
    if (const auto error = insert_words_.execute(id, item.name)) return error;
  }
  if (const auto error = accept(Form::item, item.seller, item.token, {id, 0}, now)) return error;
  return id;
}

namespace {
Result<void> done(const error_code& error) {
  if (error) return error;
  return {};
}
}  // namespace

Result<void> WriteOperations::start_login(const LoginKey& key, Id user, WallSeconds expires) {
  return done(insert_login_.execute(key, user, expires));
}

Result<void> WriteOperations::end_login(const LoginKey& key) { return done(delete_login_.execute(key)); }

Result<void> WriteOperations::end_logins_of(Id user) { return done(delete_logins_.execute(user)); }

Result<void> WriteOperations::set_password_hash(Id user, std::string_view hash) {
  return done(update_password_.execute(user, hash));
}

Result<bool> WriteOperations::keep_house(WallSeconds now) {
  const auto more = unlist_ended(now);
  if (!more) return more;
  bool full = *more;
  if (const auto error = delete_expired_logins_.execute(now, kHouseworkMax)) return failed(error);
  full |= sqlite3_changes(db_.get()) == kHouseworkMax;
  if (const auto error = delete_old_tokens_.execute(now - kTokensKept, kHouseworkMax)) return failed(error);
  full |= sqlite3_changes(db_.get()) == kHouseworkMax;
  return full;
}

Result<bool> WriteOperations::unlist_ended(WallSeconds now) {
  std::vector<std::pair<Id, std::string>>
      ended;  // first read, then change: never an index under its own reader
  {
    Query query = ended_items_.run(now, kHouseworkMax);
    while (query.next()) {
      Row row = query.row();
      const Id id = row.number();
      ended.emplace_back(id, row.text());
    }
    if (query.error()) return failed(query.error());
  }
  for (const auto& [id, name] : ended) {
    if (const auto error = delete_words_.execute(id, name)) return failed(error);
    if (const auto error = unlist_item_.execute(id)) return failed(error);
  }
  return std::ssize(ended) == kHouseworkMax;
}

}  // namespace sluice::auction::sqlite
