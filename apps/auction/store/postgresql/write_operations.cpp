#include "apps/auction/store/postgresql/write_operations.hpp"

#include <algorithm>

#include "apps/auction/store/postgresql/statements.hpp"
#include "apps/auction/store/postgresql/words.hpp"
#include "apps/auction/store/rows.hpp"
#include "apps/auction/store/rules.hpp"

namespace sluice::auction::postgresql {

namespace {

Query query(const sql::Statement& statement) { return {.statement = &statement}; }
template <class... Values>
Query query(const sql::Statement& statement, const Values&... values) {
  return {.statement = &statement, .params = Params(values...)};
}

/// What came of a form that was accepted before.
struct Accepted {
  std::int64_t outcome = 0, detail = 0;
};
Accepted to_accepted(Row row) { return {.outcome = row.number(), .detail = row.number()}; }

/// Finds nothing without a token: NULL equals nothing.
Query find_token(const std::optional<FormToken>& token, Form form, Id user) {
  return query(sql::kFindToken, token, static_cast<int>(form), user);
}

ItemState to_state(Row row) {
  return {.seller = row.number(),
          .quantity = row.number(),
          .initial_price = row.take<Cents>(),
          .highest_bid = row.take<std::optional<Cents>>(),
          .buy_now = row.take<std::optional<Cents>>(),
          .ends = row.take<WallSeconds>()};
}

Id to_id(Row row) { return row.number(); }

/// The same form was sent twice, and the other copy came first: the next try finds it.
void meet_other_copy(Reply& reply, const std::optional<FormToken>& token) noexcept {
  if (token && reply.failure == Failure::duplicate) reply.failure = Failure::conflict;
}

}  // namespace

Task<Step<BidOutcome>> place_bid(Transaction& transaction, const BidRequest& request) {
  Batch look;
  look.push_back(query(sql::kLockItem, request.item));
  look.push_back(query(sql::kClock));
  look.push_back(find_token(request.token, Form::bid, request.user));
  Reply seen = co_await transaction.begin(std::move(look));
  if (!seen.ok()) co_return Step<BidOutcome>(seen);
  if (const auto before = first_row(seen.results[2], to_accepted)) {
    co_return BidOutcome{
        .result = BidResult::accepted, .bid = before->outcome, .minimum = {before->detail}, .replayed = true};
  }
  const auto item = first_row(seen.results[0], to_state);
  if (!item) co_return BidOutcome{.result = BidResult::no_such_item, .minimum = {}};
  const WallSeconds now = transaction.now(seen.results[1]);
  BidOutcome outcome = decide_bid(*item, request, now);
  if (outcome.result != BidResult::accepted) co_return outcome;

  const Cents limit = std::max(request.amount, request.limit);
  Batch record;
  record.push_back(query(sql::kInsertBid, request.user, request.item, request.quantity, request.amount, limit,
                         now, request.token, outcome.minimum));
  record.push_back(query(sql::kRaisePrice, request.item, request.amount));
  Reply done = co_await transaction.commit(std::move(record));
  meet_other_copy(done, request.token);
  if (!done.ok()) co_return Step<BidOutcome>(done);
  outcome.bid = first_row(done.results[0], to_id).value_or(0);
  co_return outcome;
}

Task<Step<PurchaseOutcome>> buy_now(Transaction& transaction, const PurchaseRequest& request) {
  Batch look;
  look.push_back(query(sql::kLockItem, request.item));
  look.push_back(query(sql::kClock));
  look.push_back(find_token(request.token, Form::purchase, request.buyer));
  Reply seen = co_await transaction.begin(std::move(look));
  if (!seen.ok()) co_return Step<PurchaseOutcome>(seen);
  if (const auto before = first_row(seen.results[2], to_accepted)) {
    co_return PurchaseOutcome{.result = PurchaseResult::accepted, .left = before->detail, .replayed = true};
  }
  const auto item = first_row(seen.results[0], to_state);
  if (!item) co_return PurchaseOutcome{.result = PurchaseResult::no_such_item};
  const WallSeconds now = transaction.now(seen.results[1]);
  const PurchaseOutcome outcome = decide_purchase(*item, request, now);
  if (outcome.result != PurchaseResult::accepted) co_return outcome;

  Batch record;
  record.push_back(query(sql::kTakeQuantity, request.item, outcome.left, now));
  record.push_back(query(sql::kInsertPurchase, request.buyer, request.item, request.quantity, now,
                         request.token, outcome.left));
  Reply done = co_await transaction.commit(std::move(record));
  meet_other_copy(done, request.token);
  if (!done.ok()) co_return Step<PurchaseOutcome>(done);
  co_return outcome;
}

Task<Step<bool>> add_comment(Transaction& transaction, const CommentRequest& request) {
  Batch look;
  look.push_back(query(sql::kClock));
  look.push_back(find_token(request.token, Form::comment, request.from));
  Reply seen = co_await transaction.begin(std::move(look));
  if (!seen.ok()) co_return Step<bool>(seen);
  if (const auto before = first_row(seen.results[1], to_accepted)) co_return before->detail != 0;

  Batch record;
  record.push_back(query(sql::kInsertComment, request.from, request.to, request.item, request.rating,
                         transaction.now(seen.results[0]), request.text, request.token));
  Reply done = co_await transaction.commit(std::move(record));
  meet_other_copy(done, request.token);
  if (!done.ok()) co_return Step<bool>(done);
  co_return first_row(done.results[0], to_id).value_or(0) != 0;
}

namespace {

User stored_user(const NewUser& user, Id id, WallSeconds now, const ResultHandle& region) {
  User stored{.id = id,
              .firstname = user.firstname,
              .lastname = user.lastname,
              .nickname = user.nickname,
              .email = user.email,
              .balance = {},
              .created = now,
              .region = user.region,
              .region_name = {}};
  if (const auto found = first_row(region, to_region<Row>)) stored.region_name = found->name;
  return stored;
}

}  // namespace

Task<Step<User>> register_user(Transaction& transaction, const NewUser& user) {
  Batch look;
  look.push_back(query(sql::kFindNickname, user.nickname));
  look.push_back(query(sql::kClock));
  look.push_back(query(sql::kRegionName, user.region));
  Reply seen = co_await transaction.begin(std::move(look));
  if (!seen.ok()) co_return Step<User>(seen);
  const WallSeconds now = transaction.now(seen.results[1]);
  if (const auto taken = first_row(seen.results[0], to_credentials<Row>)) {
    // A salted hash is like a form's token: the same one comes from the same registration.
    const bool ours = transaction.may_be_recorded_already() && taken->password_hash == user.password_hash;
    if (!ours) co_return StoreError::nickname_taken;
    co_return stored_user(user, taken->user, now, seen.results[2]);
  }
  Batch record;
  record.push_back(query(sql::kInsertUser, user.firstname, user.lastname, user.nickname, user.password_hash,
                         user.email, now, user.region));
  Reply done = co_await transaction.commit(std::move(record));
  if (done.failure == Failure::duplicate) {
    if (!transaction.may_be_recorded_already()) co_return StoreError::nickname_taken;
    done.failure = Failure::conflict;  // our own earlier try, which we have waited for: the next one finds it
  }
  if (!done.ok()) co_return Step<User>(done);
  co_return stored_user(user, first_row(done.results[0], to_id).value_or(0), now, seen.results[2]);
}

Task<Step<Id>> register_item(Transaction& transaction, const NewItem& item) {
  Batch look;
  look.push_back(query(sql::kSellerRegion, item.seller));
  look.push_back(query(sql::kClock));
  look.push_back(find_token(item.token, Form::item, item.seller));
  Reply seen = co_await transaction.begin(std::move(look));
  if (!seen.ok()) co_return Step<Id>(seen);
  if (const auto before = first_row(seen.results[2], to_accepted)) co_return before->outcome;

  const Id region = first_row(seen.results[0], to_id).value_or(0);
  const WallSeconds now = transaction.now(seen.results[1]), ends = now + std::chrono::days{item.days};
  const bool listed = ends > now;
  const auto words = listed ? words_of(item.name, kWordsOfNameMax) : std::vector<std::string>{};
  Batch record;
  record.push_back(query(sql::kInsertItem, item.name, item.initial_price, item.quantity, item.reserve_price,
                         item.buy_now, now, ends, item.seller, item.category, region, listed,
                         item.description, words, item.token));
  Reply done = co_await transaction.commit(std::move(record));
  meet_other_copy(done, item.token);
  if (!done.ok()) co_return Step<Id>(done);
  co_return first_row(done.results[0], to_id).value_or(0);
}

namespace {

Task<Step<void>> only(Transaction& transaction, Query statement) {
  Batch batch;
  batch.push_back(std::move(statement));
  Reply done = co_await transaction.only(std::move(batch));
  co_return Step<void>(done);
}

}  // namespace

Task<Step<void>> start_login(Transaction& transaction, const LoginStart& login) {
  return only(transaction, query(sql::kInsertLogin, login.key, login.user, login.expires));
}

Task<Step<void>> end_login(Transaction& transaction, const LoginKey& key) {
  return only(transaction, query(sql::kDeleteLogin, key));
}

Task<Step<void>> end_logins_of(Transaction& transaction, const Id& user) {
  return only(transaction, query(sql::kDeleteLogins, user));
}

Task<Step<void>> set_password_hash(Transaction& transaction, const NewHash& hash) {
  return only(transaction, query(sql::kUpdatePassword, hash.user, hash.hash));
}

}  // namespace sluice::auction::postgresql
