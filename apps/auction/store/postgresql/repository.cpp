#include "apps/auction/store/postgresql/repository.hpp"

#include <algorithm>
#include <utility>

#include "apps/auction/store/postgresql/session_set.hpp"
#include "apps/auction/store/postgresql/words.hpp"
#include "apps/auction/store/postgresql/write_operations.hpp"
#include "apps/auction/store/rows.hpp"

namespace sluice::auction::postgresql {

namespace {

using Sessions = std::shared_ptr<SessionSet>;

template <class... Values>
Batch one_query(const sql::Statement& statement, const Values&... values) {
  Batch batch;
  batch.push_back({.statement = &statement, .params = Params(values...)});
  return batch;
}

// Coroutines of their own, which keep the sessions alive: the repository may go while they wait.

template <class T>
Task<Result<std::vector<T>>> all(Sessions sessions, Reads reads, T (*to_value)(Row), Batch batch) {
  const Reply reply = co_await SessionSet::read(std::move(sessions), reads, std::move(batch));
  if (!reply.ok()) co_return store_error(reply.failure);
  co_return all_rows(reply.results[0], to_value);
}

template <class T>
Task<Result<std::optional<T>>> one(Sessions sessions, Reads reads, T (*to_value)(Row), Batch batch) {
  const Reply reply = co_await SessionSet::read(std::move(sessions), reads, std::move(batch));
  if (!reply.ok()) co_return store_error(reply.failure);
  co_return first_row(reply.results[0], to_value);
}

Task<Result<std::vector<ItemSummary>>> nothing() { co_return std::vector<ItemSummary>{}; }

Batch account_queries(Id user, WallSeconds now) {
  const WallSeconds recent = now - kRecent;
  Batch batch;
  batch.push_back({.statement = &sql::kBeginReading});
  batch.push_back({.statement = &sql::kUser, .params = Params(user)});
  batch.push_back({.statement = &sql::kItemsBidOn, .params = Params(user, recent, kLatestBids)});
  batch.push_back({.statement = &sql::kItemsOfSeller, .params = Params(user, now, kEver, kListMax)});
  batch.push_back({.statement = &sql::kItemsOfSeller, .params = Params(user, recent, now, kListMax)});
  batch.push_back({.statement = &sql::kPurchases, .params = Params(user, recent, kListMax)});
  batch.push_back({.statement = &sql::kCommentsTo, .params = Params(user, kListMax)});
  batch.push_back({.statement = &sql::kEndReading});
  return batch;
}

/// Its parts come from one state of the database.
Task<Result<std::optional<Account>>> account_of(Sessions sessions, Id user, WallSeconds now) {
  const Reply reply =
      co_await SessionSet::read(std::move(sessions), Reads::current, account_queries(user, now));
  if (!reply.ok()) co_return store_error(reply.failure);
  auto found = first_row(reply.results[1], to_user<Row>);
  if (!found) co_return std::optional<Account>{};
  Account account;
  account.user = std::move(*found);
  add_bids(account, all_rows(reply.results[2], to_my_bid<Row>), now);
  account.selling = all_rows(reply.results[3], to_summary<Row>);
  account.sold = all_rows(reply.results[4], to_summary<Row>);
  account.bought = all_rows(reply.results[5], to_purchase<Row>);
  account.comments = all_rows(reply.results[6], to_comment<Row>);
  co_return account;
}

template <class T>
Task<Result<T>> refused() {
  co_return StoreError::invalid;
}

class PostgresqlRepository final : public Repository {
 public:
  PostgresqlRepository(const Executor& executor, std::shared_ptr<Shared> shared)
      : sessions_(std::make_shared<SessionSet>(executor, std::move(shared))) {}
  ~PostgresqlRepository() override { sessions_->close(); }

  Task<Result<std::vector<Category>>> categories() override {
    return list(to_category<Row>, one_query(sql::kCategories));
  }
  Task<Result<std::vector<Region>>> regions() override {
    return list(to_region<Row>, one_query(sql::kRegions));
  }
  Task<Result<std::optional<Region>>> region_named(std::string_view name) override {
    return one(sessions_, Reads::lists, to_region<Row>, one_query(sql::kRegionNamed, name));
  }
  Task<Result<std::vector<ItemSummary>>> search_category(Id category, Page page, WallSeconds now) override {
    const Window window = window_of(page);
    return list(to_summary<Row>, one_query(sql::kSearchCategory, category, now, window.limit, window.offset));
  }
  Task<Result<std::vector<ItemSummary>>> search_region(Id region, Id category, Page page,
                                                       WallSeconds now) override {
    const Window window = window_of(page);
    return list(to_summary<Row>,
                one_query(sql::kSearchRegion, region, category, now, window.limit, window.offset));
  }
  Task<Result<std::vector<ItemSummary>>> search_text(std::string_view text, Page page,
                                                     WallSeconds now) override;
  Task<Result<std::vector<ItemSummary>>> ending_soon(std::int64_t count, WallSeconds now) override {
    const auto limit = std::clamp<std::int64_t>(count, 0, kListMax);
    return list(to_summary<Row>, one_query(sql::kEndingSoon, now, limit));
  }
  Task<Result<std::optional<Item>>> item(Id id) override {
    return one(sessions_, Reads::current, to_item<Row>, one_query(sql::kItem, id));
  }
  Task<Result<std::vector<Bid>>> bids(Id item) override {
    return all(sessions_, Reads::current, to_bid<Row>, one_query(sql::kBids, item, kListMax));
  }
  Task<Result<std::optional<User>>> user(Id id) override {
    return one(sessions_, Reads::current, to_user<Row>, one_query(sql::kUser, id));
  }
  Task<Result<std::vector<Comment>>> comments_to(Id user) override {
    return all(sessions_, Reads::current, to_comment<Row>, one_query(sql::kCommentsTo, user, kListMax));
  }
  Task<Result<std::optional<Account>>> account(Id user, WallSeconds now) override {
    return account_of(sessions_, user, now);
  }
  Task<Result<std::optional<Credentials>>> credentials(std::string_view nickname) override {
    return one(sessions_, Reads::current, to_credentials<Row>, one_query(sql::kCredentials, nickname));
  }
  Task<Result<std::optional<Login>>> login(const LoginKey& key, WallSeconds now) override {
    return one(sessions_, Reads::current, to_login<Row>, one_query(sql::kLogin, key, now));
  }

  Revision revision() const noexcept override { return 0; }
  bool unchanged(std::span<const Topic> topics, Revision) const noexcept override { return topics.empty(); }

  // Only a form with a token, or what comes to the same when it is done twice, may be tried again after a
  // commit whose answer was lost.
  Task<Result<BidOutcome>> place_bid(BidRequest request) override {
    if (!acceptable(request)) return refused<BidOutcome>();
    const bool repeatable = request.token.has_value();
    return SessionSet::write(sessions_, &postgresql::place_bid, request, repeatable);
  }
  Task<Result<PurchaseOutcome>> buy_now(PurchaseRequest request) override {
    const bool repeatable = request.token.has_value();
    return SessionSet::write(sessions_, &postgresql::buy_now, request, repeatable);
  }
  Task<Result<bool>> add_comment(CommentRequest request) override {
    if (!acceptable(request)) return refused<bool>();
    const bool repeatable = request.token.has_value();
    return SessionSet::write(sessions_, &postgresql::add_comment, std::move(request), repeatable);
  }
  Task<Result<User>> register_user(NewUser user) override {
    return SessionSet::write(sessions_, &postgresql::register_user, std::move(user), true);
  }
  Task<Result<Id>> register_item(NewItem item) override {
    if (!acceptable(item)) return refused<Id>();
    const bool repeatable = item.token.has_value();
    return SessionSet::write(sessions_, &postgresql::register_item, std::move(item), repeatable);
  }
  Task<Result<void>> start_login(LoginKey key, Id user, WallSeconds expires) override {
    const LoginStart login{.key = key, .user = user, .expires = expires};
    return SessionSet::write(sessions_, &postgresql::start_login, login, true);
  }
  Task<Result<void>> end_login(LoginKey key) override {
    return SessionSet::write(sessions_, &postgresql::end_login, key, true);
  }
  Task<Result<void>> end_logins_of(Id user) override {
    return SessionSet::write(sessions_, &postgresql::end_logins_of, user, true);
  }
  Task<Result<void>> set_password_hash(Id user, std::string hash) override {
    return SessionSet::write(sessions_, &postgresql::set_password_hash,
                             NewHash{.user = user, .hash = std::move(hash)}, true);
  }

 private:
  template <class T>
  Task<Result<std::vector<T>>> list(T (*to_value)(Row), Batch batch) {
    return all(sessions_, Reads::lists, to_value, std::move(batch));
  }

  const Sessions sessions_;
};

Task<Result<std::vector<ItemSummary>>> PostgresqlRepository::search_text(std::string_view text, Page page,
                                                                         WallSeconds now) {
  const auto words = words_of(text, kWordsOfSearchMax);
  if (words.empty()) return nothing();
  const Window window = window_of(page);
  Params params(now, window.limit, window.offset);
  for (const std::string& word : words) {
    params.append(word);
    params.append(after_prefix(word));
  }
  Batch batch;
  batch.push_back({.statement = &sql::search_text(words.size()), .params = std::move(params)});
  return list(to_summary<Row>, std::move(batch));
}

}  // namespace

std::unique_ptr<Repository> make_repository(const Executor& executor, std::shared_ptr<Shared> shared) {
  return std::make_unique<PostgresqlRepository>(executor, std::move(shared));
}

}  // namespace sluice::auction::postgresql
