#include "apps/auction/store/sqlite/repository.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "apps/auction/store/rows.hpp"
#include "apps/auction/store/sqlite/queries.hpp"
#include "apps/auction/store/sqlite/schema.hpp"

namespace sluice::auction::sqlite {

namespace {

namespace asio = boost::asio;

// ---------------------------------------------------------------------------------------------------------------
// Answers of the writer

/// Jobs of one repository that the writer has not answered yet.
class InFlight {
 public:
  void begin() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  void end() noexcept {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) count_.notify_all();
  }
  void wait_for_none() const noexcept {
    for (int count = count_.load(std::memory_order_acquire); count != 0;
         count = count_.load(std::memory_order_acquire)) {
      count_.wait(count, std::memory_order_acquire);
    }
  }

 private:
  std::atomic<int> count_{0};
};

/// Runs `work(operations, now)`, which yields a Result<T>, and hands that to `handler` on `executor`.
template <class T, class Work, class Handler>
class AnsweredJob final : public Writer::Job {
 public:
  AnsweredJob(Work work, Handler handler, const Executor& executor, std::shared_ptr<InFlight> in_flight)
      : work_(std::move(work)),
        handler_(std::move(handler)),
        executor_(executor),
        in_flight_(std::move(in_flight)) {
    in_flight_->begin();
  }

  error_code run(WriteOperations& operations, WallSeconds now) noexcept override {
    result_ = work_(operations, now);
    if (result_.has_value()) return {};
    const error_code error = result_.error();
    result_ = store_error(error);
    return error;
  }

  void complete(const error_code& failure) noexcept override {
    if (failure) result_ = store_error(failure);
    asio::post(executor_.get_executor(),
               [handler = std::move(handler_), result = std::move(result_)]() mutable {
                 std::move(handler)(std::move(result));
               });
    // The processor may be waiting to take its loop down: nothing of ours touches the loop after end().
    executor_.reset();
    in_flight_->end();
  }

 private:
  Work work_;
  Handler handler_;
  asio::executor_work_guard<Executor> executor_;  // the loop keeps running until it has its answer
  std::shared_ptr<InFlight> in_flight_;
  Result<T> result_{StoreError::unavailable};
};

// ---------------------------------------------------------------------------------------------------------------
// Rows

template <class T>
using ToValue = T (*)(Row);

template <class T, class... Values>
Result<std::vector<T>> all(Statement& statement, ToValue<T> to_value, const Values&... values) {
  std::vector<T> rows;
  Query query = statement.run(values...);
  while (query.next()) rows.push_back(to_value(query.row()));
  if (query.error()) return query.error();
  return rows;
}

template <class T, class... Values>
Result<std::optional<T>> one(Statement& statement, ToValue<T> to_value, const Values&... values) {
  std::optional<T> value;
  Query query = statement.run(values...);
  if (query.next()) value = to_value(query.row());
  if (query.error()) return query.error();
  return value;
}

// ---------------------------------------------------------------------------------------------------------------

/// Ends queries that work too long: SQLite asks it every 1,000 operations.
class ReadBudget {
 public:
  ReadBudget(Connection& db, const Options& options)
      : operations_max_(options.read_operations_max), time_max_(options.read_time_max) {
    sqlite3_progress_handler(
        db.get(), kStep, [](void* self) { return static_cast<ReadBudget*>(self)->exhausted() ? 1 : 0; },
        this);
  }
  ReadBudget(const ReadBudget&) = delete;
  ReadBudget& operator=(const ReadBudget&) = delete;

  void start() noexcept {
    operations_ = 0;
    deadline_ = coarse_now() + time_max_;
  }

 private:
  static constexpr int kStep = 1000;

  bool exhausted() noexcept {
    operations_ += kStep;
    return operations_ > operations_max_ || coarse_now() >= deadline_;
  }

  const std::uint64_t operations_max_;
  const std::chrono::milliseconds time_max_;
  std::uint64_t operations_ = 0;
  Monotonic::time_point deadline_{};
};

Connection open_for_reading(const Options& options) {
  Connection db(options.file, Access::read_only, options.vfs);
  // Opening may meet another process that recovers the log. Later a processor does not wait, and readers of a
  // log need not.
  sqlite3_busy_timeout(db.get(), static_cast<int>(options.busy_timeout.count()));
  db.require(("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;"
              "PRAGMA cache_size = -" +
              std::to_string(options.reader_cache_kib) +
              "; PRAGMA mmap_size = " + std::to_string(options.reader_map_bytes))
                 .c_str());
  require_auction(db);
  sqlite3_busy_timeout(db.get(), 0);
  return db;
}

class SqliteRepository final : public Repository {
 public:
  SqliteRepository(const Options& options, Executor executor, Health& health, Writer& writer,
                   const Changes& changes)
      : executor_(std::move(executor)),
        health_(health),
        writer_(writer),
        changes_(changes),
        db_(open_for_reading(options)),
        budget_(db_, options) {}
  ~SqliteRepository() override { in_flight_->wait_for_none(); }

  Task<Result<std::vector<Category>>> categories() override {
    co_return read([&] { return all(categories_, to_category<Row>); });
  }
  Task<Result<std::vector<Region>>> regions() override {
    co_return read([&] { return all(regions_, to_region<Row>); });
  }
  Task<Result<std::optional<Region>>> region_named(std::string_view name) override {
    co_return read([&] { return one(region_named_, to_region<Row>, name); });
  }
  Task<Result<std::vector<ItemSummary>>> search_category(Id category, Page page, WallSeconds now) override {
    const Window window = window_of(page);
    co_return read(
        [&] { return all(search_category_, to_summary<Row>, category, now, window.limit, window.offset); });
  }
  Task<Result<std::vector<ItemSummary>>> search_region(Id region, Id category, Page page,
                                                       WallSeconds now) override {
    const Window window = window_of(page);
    co_return read([&] {
      return all(search_region_, to_summary<Row>, region, category, now, window.limit, window.offset);
    });
  }
  Task<Result<std::vector<ItemSummary>>> search_text(std::string_view text, Page page,
                                                     WallSeconds now) override {
    const std::string words = match_expression(text);
    if (words.empty()) co_return std::vector<ItemSummary>{};
    const Window window = window_of(page);
    co_return read(
        [&] { return all(search_text_, to_summary<Row>, words, now, window.limit, window.offset); });
  }
  Task<Result<std::vector<ItemSummary>>> ending_soon(std::int64_t count, WallSeconds now) override {
    const auto limit = std::clamp<std::int64_t>(count, 0, kListMax);
    co_return read([&] { return all(ending_soon_, to_summary<Row>, now, limit); });
  }
  Task<Result<std::optional<Item>>> item(Id id) override {
    co_return read([&] { return one(item_, to_item<Row>, id); });
  }
  Task<Result<std::vector<Bid>>> bids(Id item) override {
    co_return read([&] { return all(bids_, to_bid<Row>, item, kListMax); });
  }
  Task<Result<std::optional<User>>> user(Id id) override {
    co_return read([&] { return one(user_, to_user<Row>, id); });
  }
  Task<Result<std::vector<Comment>>> comments_to(Id user) override {
    co_return read([&] { return all(comments_to_, to_comment<Row>, user, kListMax); });
  }
  Task<Result<std::optional<Account>>> account(Id user, WallSeconds now) override {
    co_return read([&] { return account_of(user, now); });
  }
  Task<Result<std::optional<Credentials>>> credentials(std::string_view nickname) override {
    co_return read([&] { return one(credentials_, to_credentials<Row>, nickname); });
  }
  Task<Result<std::optional<Login>>> login(const LoginKey& key, WallSeconds now) override {
    co_return read([&] { return one(login_, to_login<Row>, key, now); });
  }

  Revision revision() const noexcept override { return changes_.revision(); }
  bool unchanged(std::span<const Topic> topics, Revision since) const noexcept override {
    return health_.open() && changes_.unchanged(topics, since);
  }

  Task<Result<BidOutcome>> place_bid(BidRequest request) override {
    return write<BidOutcome>([request](WriteOperations& operations, WallSeconds now) {
      return operations.place_bid(request, now);
    });
  }
  Task<Result<PurchaseOutcome>> buy_now(PurchaseRequest request) override {
    return write<PurchaseOutcome>(
        [request](WriteOperations& operations, WallSeconds now) { return operations.buy_now(request, now); });
  }
  Task<Result<bool>> add_comment(CommentRequest request) override {
    return write<bool>([request = std::move(request)](WriteOperations& operations, WallSeconds now) {
      return operations.add_comment(request, now);
    });
  }
  Task<Result<User>> register_user(NewUser user) override {
    return write<User>([user = std::move(user)](WriteOperations& operations, WallSeconds now) {
      return operations.register_user(user, now);
    });
  }
  Task<Result<Id>> register_item(NewItem item) override {
    return write<Id>([item = std::move(item)](WriteOperations& operations, WallSeconds now) {
      return operations.register_item(item, now);
    });
  }
  Task<Result<void>> start_login(LoginKey key, Id user, WallSeconds expires) override {
    return write<void>(
        [=](WriteOperations& operations, WallSeconds) { return operations.start_login(key, user, expires); });
  }
  Task<Result<void>> end_login(LoginKey key) override {
    return write<void>([key](WriteOperations& operations, WallSeconds) { return operations.end_login(key); });
  }
  Task<Result<void>> end_logins_of(Id user) override {
    return write<void>(
        [user](WriteOperations& operations, WallSeconds) { return operations.end_logins_of(user); });
  }
  Task<Result<void>> set_password_hash(Id user, std::string hash) override {
    return write<void>([user, hash = std::move(hash)](WriteOperations& operations, WallSeconds) {
      return operations.set_password_hash(user, hash);
    });
  }

 private:
  /// Runs a read within its budget, and judges its error.
  template <class Read>
  auto read(Read read_now) -> decltype(read_now()) {
    if (!health_.open()) return StoreError::unavailable;
    budget_.start();
    auto result = read_now();
    if (result.has_error()) {
      if (result.error() == sqlite_error(SQLITE_INTERRUPT)) health_.count_read_given_up();
      return health_.judge(result.error(), "reading");
    }
    return result;
  }

  /// Its parts come from one state of the database.
  Result<std::optional<Account>> account_of(Id id, WallSeconds now) {
    if (const auto error = begin_.execute()) return error;
    auto account = read_account(id, now);
    if (const auto error = end_.execute(); error && account.has_value()) return error;
    return account;
  }

  Result<std::optional<Account>> read_account(Id id, WallSeconds now) {
    auto user = one(user_, to_user<Row>, id);
    if (!user) return user.error();
    if (!*user) return std::optional<Account>{};
    const WallSeconds recent = now - kRecent;
    auto bid_on = all(items_bid_on_, to_my_bid<Row>, id, recent, kLatestBids);
    if (!bid_on) return bid_on.error();
    auto selling = all(items_of_seller_, to_summary<Row>, id, now, kEver, kListMax);
    if (!selling) return selling.error();
    auto sold = all(items_of_seller_, to_summary<Row>, id, recent, now, kListMax);
    if (!sold) return sold.error();
    auto bought = all(purchases_, to_purchase<Row>, id, recent, kListMax);
    if (!bought) return bought.error();
    auto comments = all(comments_to_, to_comment<Row>, id, kListMax);
    if (!comments) return comments.error();

    Account account;
    account.user = std::move(**user);
    account.selling = std::move(*selling);
    account.sold = std::move(*sold);
    account.bought = std::move(*bought);
    account.comments = std::move(*comments);
    add_bids(account, std::move(*bid_on), now);
    return account;
  }

  template <class T, class Work>
  Task<Result<T>> write(Work work) {
    const auto initiate = [this](auto handler, Work work_to_do) {
      writer_.submit(std::make_unique<AnsweredJob<T, Work, decltype(handler)>>(
          std::move(work_to_do), std::move(handler), executor_, in_flight_));
    };
    return asio::async_initiate<const asio::use_awaitable_t<Executor>&, void(Result<T>)>(initiate, use_task,
                                                                                         std::move(work));
  }

  const Executor executor_;
  Health& health_;
  Writer& writer_;
  const Changes& changes_;
  const std::shared_ptr<InFlight> in_flight_ = std::make_shared<InFlight>();

  Connection db_;
  ReadBudget budget_;
  Statement categories_{db_, queries::kCategories};
  Statement regions_{db_, queries::kRegions};
  Statement region_named_{db_, queries::kRegionNamed};
  Statement search_category_{db_, queries::kSearchCategory};
  Statement search_region_{db_, queries::kSearchRegion};
  Statement search_text_{db_, queries::kSearchText};
  Statement ending_soon_{db_, queries::kEndingSoon};
  Statement item_{db_, queries::kItem};
  Statement bids_{db_, queries::kBids};
  Statement user_{db_, queries::kUser};
  Statement credentials_{db_, queries::kCredentials};
  Statement login_{db_, queries::kLogin};
  Statement comments_to_{db_, queries::kCommentsTo};
  Statement items_bid_on_{db_, queries::kItemsBidOn};
  Statement items_of_seller_{db_, queries::kItemsOfSeller};
  Statement purchases_{db_, queries::kPurchases};
  Statement begin_{db_, "BEGIN"};
  Statement end_{db_, "COMMIT"};
};

constexpr std::size_t kWordsMax = 8;

bool part_of_word(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= 'a' && byte <= 'z');
}

}  // namespace

std::string match_expression(std::string_view text) {
  std::string expression;
  for (std::size_t words = 0; words < kWordsMax; ++words) {
    const auto* const begin = std::find_if(text.begin(), text.end(), part_of_word);
    if (begin == text.end()) break;
    const auto* const end = std::find_if_not(begin, text.end(), part_of_word);
    // Quoted, so that no word is an operator of FTS5.
    expression.append(expression.empty() ? "\"" : " \"").append(begin, end).append("\"*");
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  }
  return expression;
}

std::unique_ptr<Repository> make_repository(const Options& options, Executor executor, Health& health,
                                            Writer& writer, const Changes& changes) {
  return std::make_unique<SqliteRepository>(options, std::move(executor), health, writer, changes);
}

}  // namespace sluice::auction::sqlite
