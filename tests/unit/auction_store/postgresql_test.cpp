#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>

#include "apps/auction/store/postgresql/blocking.hpp"
#include "apps/auction/store/postgresql/populate.hpp"
#include "apps/auction/store/postgresql/schema.hpp"
#include "apps/auction/store/sqlite/database.hpp"
#include "tests/unit/auction_store/cutting_proxy.hpp"
#include "tests/unit/auction_store/databases.hpp"

/// What the PostgreSQL store promises when servers share a database, and when that goes away under them.
namespace sluice::auction {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using testing::Cluster;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace asio = boost::asio;

class PostgresqlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Cluster::programs().empty()) {
      GTEST_SKIP() << "no PostgreSQL server is installed (/usr/lib/postgresql/*/bin)";
    }
    url_ = Cluster::shared().new_database();
  }

  postgresql::Options options() {
    postgresql::Options options;
    options.url = url_;
    options.clock = [this] { return clock_.now(); };
    return options;
  }
  /// One seller (1) and one item (1) of 10.00.
  void open(postgresql::Options options) {
    auction_.emplace(postgresql::open_store(std::move(options)));
    wait(repo().register_user(testing::user_named("seller"))).value();
    item_ = wait(repo().register_item(testing::item_of(1, "Thing"))).value();
  }
  void open() { open(options()); }

  template <class T>
  T wait(Task<T> task) {
    return auction_->wait(std::move(task));
  }
  Repository& repo() { return *auction_->repository; }
  std::int64_t metric(const std::string& name) {
    const std::string text = auction_->store->metrics();
    const std::string start = "\nsluice_store_" + name + ' ';
    return std::stoll(text.substr(text.find(start) + start.size()));
  }
  std::int64_t number(const std::string& statement) { return Cluster::number(url_, statement); }
  void await_up() {
    testing::await([&] { return auction_->store->not_ready().empty(); });
  }

  /// Starts a task without waiting for it.
  template <class T>
  std::shared_ptr<std::optional<Result<T>>> start(Task<Result<T>> task) {
    auto answer = std::make_shared<std::optional<Result<T>>>();
    asio::co_spawn(auction_->loop, std::move(task),
                   [answer](std::exception_ptr, Result<T> result) { answer->emplace(std::move(result)); });
    return answer;
  }
  template <class Condition>
  void run_until(Condition condition) {
    testing::await([&] {
      auction_->loop.restart();
      auction_->loop.poll();
      return condition();
    });
  }

  std::string url_;
  testing::ManualClock clock_;
  std::optional<testing::Auction> auction_;
  Id item_ = 0;
};

BidRequest form_of(Id item, Id user, Cents amount, std::uint64_t number) {
  BidRequest request = testing::bid_on(item, user, amount);
  request.token.emplace();
  for (auto& byte : *request.token) {
    byte = static_cast<std::uint8_t>(number);
    number >>= 8;
  }
  return request;
}

// ---------------------------------------------------------------------------------------------------------------
// Several servers

/// Bids at one member as fast as it can; every bid that was acknowledged, in that order.
Task<void> bid_at(Repository& repository, Id item, Id user, int times,
                  std::vector<std::pair<Id, Cents>>& accepted) {
  BidRequest request = testing::bid_on(item, user, {1000});
  for (int nth = 0; nth < times; ++nth) {
    const BidOutcome outcome = (co_await repository.place_bid(request)).value();
    if (outcome.result == BidResult::accepted) accepted.emplace_back(outcome.bid, request.amount);
    request.amount = outcome.minimum;
  }
}

class Members : public PostgresqlTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(Members, BidOnTheSameItemWithoutLosingABid) {
  Cluster::run(url_, "ALTER DATABASE " + url_.substr(url_.rfind('/') + 1) +
                         " SET default_transaction_isolation = '" + GetParam() + "'");
  open();
  const auto other = postgresql::open_store(options());
  constexpr int kTimes = 150;
  std::array<std::vector<std::pair<Id, Cents>>, 4> accepted;  // by bidder
  std::vector<std::thread> bidders;
  for (std::size_t who = 0; who < accepted.size(); ++who) {
    Store& member = who % 2 == 0 ? *auction_->store : *other;
    const auto work = [&, who](Repository& repository) {
      return bid_at(repository, item_, static_cast<Id>(who + 2), kTimes, accepted[who]);
    };
    bidders.push_back(testing::processor(member, work));
  }
  for (std::thread& bidder : bidders) bidder.join();

  std::map<Id, Cents> acknowledged;
  for (const auto& bids : accepted) {
    EXPECT_TRUE(std::is_sorted(bids.begin(), bids.end()));
    acknowledged.insert(bids.begin(), bids.end());
  }
  EXPECT_EQ(number("SELECT count(*) FROM bids"), std::ssize(acknowledged));
  EXPECT_EQ(number("SELECT count(*) FROM bids a JOIN bids b ON b.id > a.id WHERE b.bid <= a.bid"), 0)
      << "bids rise";
  EXPECT_EQ(number("SELECT max_bid FROM items"), acknowledged.rbegin()->second.value);
  EXPECT_EQ(number("SELECT nb_of_bids FROM items"), std::ssize(acknowledged));
  for (const auto& [id, amount] : acknowledged) {
    ASSERT_EQ(number("SELECT bid FROM bids WHERE id = " + std::to_string(id)), amount.value);
    if (id > 20) break;  // the sums above have the rest
  }
  if (std::string_view{GetParam()} == "serializable") {
    EXPECT_GT(metric("conflicts_total"), 0) << "there was nothing to retry";
  }
}

INSTANTIATE_TEST_SUITE_P(Postgresql, Members, ::testing::Values("read committed", "serializable"),
                         [](const auto& test) {
                           return std::string_view{test.param} == "serializable" ? "Serializable"
                                                                                 : "ReadCommitted";
                         });

TEST_F(PostgresqlTest, MakesItsTablesOnceWhenServersStartTogether) {
  std::vector<std::thread> starts;
  std::atomic<int> opened{0};
  for (int server = 0; server < 6; ++server) {
    starts.emplace_back([&] {
      const auto store = postgresql::open_store(options());
      opened += store->not_ready().empty() ? 1 : 0;
      store->stop();
    });
  }
  for (std::thread& start : starts) start.join();
  EXPECT_EQ(opened, 6);
  EXPECT_EQ(number("SELECT count(*) FROM categories"), 20);
}

TEST_F(PostgresqlTest, RefusesTheDatabaseOfANewerVersionInOneSentence) {
  open();
  auction_.reset();
  Cluster::run(url_, "UPDATE sluice_auction SET version = 2");
  try {
    postgresql::open_store(options());
    FAIL() << "accepted";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("newer version (schema 2, this one knows 1)"));
  }
}

TEST_F(PostgresqlTest, LeavesTheTablesOfSomethingElseAlone) {
  Cluster::run(url_, "CREATE TABLE users(theirs TEXT)");
  EXPECT_THROW(postgresql::open_store(options()), std::exception);
  EXPECT_EQ(number("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"), 1);
}

TEST_F(PostgresqlTest, SaysWhoRefusesItWithoutAPassword) {
  auto wrong = options();
  wrong.url = url_ + "_none?password=secret";
  try {
    postgresql::open_store(wrong);
    FAIL() << "opened";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("does not exist"));
    EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("secret")));
  }
}

TEST_F(PostgresqlTest, GoesByTheClockOfTheDatabase) {
  auto own = options();
  own.clock = {};
  open(own);
  const auto seconds = wait(repo().item(item_)).value()->starts.time_since_epoch().count();
  const auto theirs = number("SELECT CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)");
  EXPECT_LE(seconds, theirs + 1);
  EXPECT_GE(seconds, theirs - 120);
  Cluster::run(url_, "UPDATE items SET end_date = extract(epoch FROM clock_timestamp()) - 1");
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).value().result, BidResult::ended);
}

TEST_F(PostgresqlTest, TidiesUpWhatHasEnded) {
  auto busy = options();
  busy.housekeeping_every = 1ms;
  busy.look_every = 1ms;
  open(busy);
  wait(repo().place_bid(form_of(item_, 2, {1000}, 1))).value();
  ASSERT_TRUE(wait(repo().start_login(LoginKey{1}, 1, clock_.now() + 1h)).has_value());
  clock_.advance(std::chrono::days{8});
  for (const char* rows : {"SELECT count(*) FROM items WHERE listed", "SELECT count(*) FROM item_words",
                           "SELECT count(*) FROM logins", "SELECT count(*) FROM form_tokens"}) {
    testing::await([&] { return number(rows) == 0; });
  }
  EXPECT_TRUE(wait(repo().item(item_)).value()) << "the item itself stays";
}

// ---------------------------------------------------------------------------------------------------------------
// A database that goes away

/// Bids with forms, and sends a form again until it gets an outcome, as a browser would.
Task<void> bid_on_and_on(Repository& repository, Id item, Id user, const std::atomic<bool>& stop,
                         std::vector<std::pair<Id, Cents>>& accepted, std::atomic<int>& total) {
  std::uint64_t form = static_cast<std::uint64_t>(user) << 32;
  Cents amount{1000};
  while (!stop) {
    const BidRequest request = form_of(item, user, amount, ++form);
    auto outcome = co_await repository.place_bid(request);
    while (!outcome && !stop) {
      outcome = co_await repository.place_bid(request);
    }
    if (!outcome) break;
    amount = outcome->minimum;
    if (outcome->result != BidResult::accepted) continue;
    accepted.emplace_back(outcome->bid, request.amount);
    ++total;
  }
}

TEST_F(PostgresqlTest, LosesNoAcknowledgedBidAndCountsNoneTwiceWhileTheServerCrashes) {
  open();
  std::array<std::vector<std::pair<Id, Cents>>, 3> accepted;
  std::atomic<bool> stop = false;
  std::atomic<int> total{0};
  std::vector<std::thread> bidders;
  for (std::size_t who = 0; who < accepted.size(); ++who) {
    const auto work = [&, who](Repository& repository) {
      return bid_on_and_on(repository, item_, static_cast<Id>(who + 2), stop, accepted[who], total);
    };
    bidders.push_back(testing::processor(*auction_->store, work));
  }
  for (int crash = 0; crash < 4; ++crash) {
    const int before = total;
    testing::await([&] { return total > before + 30; });
    Cluster::shared().stop(SIGQUIT);
    Cluster::shared().start();
  }
  const int before = total;
  testing::await([&] { return total > before + 30; });
  stop = true;
  for (std::thread& bidder : bidders) bidder.join();

  std::map<Id, Cents> acknowledged;
  std::size_t acknowledgements = 0;
  for (const auto& bids : accepted) {
    acknowledged.insert(bids.begin(), bids.end());
    acknowledgements += bids.size();
  }
  EXPECT_EQ(acknowledged.size(), acknowledgements)
      << "a form counted twice would have two bids of one answer";
  // Bids that nobody was told of: at most the one each bidder was about to make when it stopped.
  EXPECT_LE(number("SELECT count(*) FROM bids"), std::ssize(acknowledged) + 3);
  EXPECT_EQ(number("SELECT count(*) FROM bids a JOIN bids b ON b.id > a.id WHERE b.bid <= a.bid"), 0)
      << "bids rise";
  for (const auto& [id, amount] : acknowledged) {
    ASSERT_EQ(number("SELECT coalesce(max(bid), 0) FROM bids WHERE id = " + std::to_string(id)), amount.value)
        << "an acknowledged bid is lost";
  }
  EXPECT_EQ(number("SELECT count(*) FROM form_tokens"), number("SELECT count(*) FROM bids"))
      << "each form once";
  EXPECT_EQ(number("SELECT max_bid - (SELECT max(bid) FROM bids) FROM items"), 0);
}

TEST_F(PostgresqlTest, SaysAtOnceThatItIsAwayAndComesBackByItself) {
  open();
  Cluster::shared().stop(SIGQUIT);
  EXPECT_EQ(wait(repo().item(item_)).error(), StoreError::unavailable);
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).error(), StoreError::unavailable);
  EXPECT_THAT(auction_->store->not_ready(), HasSubstr("the database can't be used: "));
  const auto tried = metric("connects_failed_total");
  for (int nth = 0; nth < 100; ++nth) {
    EXPECT_EQ(wait(repo().categories()).error(), StoreError::unavailable);
    EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).error(), StoreError::unavailable);
  }
  EXPECT_EQ(metric("connects_failed_total"), tried) << "nobody tries but the keeper";
  EXPECT_EQ(metric("up"), 0);
  Cluster::shared().start();
  await_up();
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).value().result, BidResult::accepted);
  EXPECT_THAT(wait(repo().bids(item_)).value(), SizeIs(1));
  EXPECT_EQ(metric("up"), 1);
}

TEST_F(PostgresqlTest, NoticesThatItIsAwayWhenNobodyAsks) {
  auto watchful = options();
  watchful.look_every = 10ms;
  open(watchful);
  Cluster::shared().stop(SIGINT);  // "fast": ends its sessions
  testing::await([&] { return !auction_->store->not_ready().empty(); });
  Cluster::shared().start();
  await_up();
}

TEST_F(PostgresqlTest, StartsWithoutItsDatabaseAndMakesTheTablesWhenItIsThere) {
  Cluster::shared().stop(SIGQUIT);
  auction_.emplace(postgresql::open_store(options()));
  EXPECT_THAT(auction_->store->not_ready(), HasSubstr("the database can't be used: "));
  EXPECT_EQ(wait(repo().categories()).error(), StoreError::unavailable);
  Cluster::shared().start();
  await_up();
  EXPECT_THAT(wait(repo().categories()).value(), SizeIs(20));
}

TEST_F(PostgresqlTest, ReadsAgainWhenItsSessionsWereEnded) {
  open();
  ASSERT_TRUE(wait(repo().item(item_)).value());
  ASSERT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).value().result, BidResult::accepted);
  Cluster::run(url_,
               "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice'"
               " AND pid <> pg_backend_pid()");
  EXPECT_TRUE(wait(repo().item(item_)).value());
  EXPECT_THAT(wait(repo().categories()).value(), SizeIs(20));
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {2000}))).value().result, BidResult::accepted);
}

/// A store that reaches its server through a proxy.
class LostCommit : public PostgresqlTest {
 protected:
  void SetUp() override {
    PostgresqlTest::SetUp();
    if (IsSkipped()) return;
    proxy_.emplace(Cluster::shared().folder(), folder_.path());
    auto through = options();
    const std::string server = url_.substr(0, url_.find('@') + 1);
    std::string host;
    for (const char c : folder_.path().string()) host += c == '/' ? "%2F" : std::string{c};
    through.url = server + host + url_.substr(url_.rfind('/'));
    open(through);
  }
  void TearDown() override { auction_.reset(); }

  using Cut = testing::CuttingProxy::Cut;
  testing::TemporaryFolder folder_;
  std::optional<testing::CuttingProxy> proxy_;
};

TEST_F(LostCommit, OfABidWithAFormIsAskedFor) {
  proxy_->cut(Cut::after_commit);
  const auto outcome = wait(repo().place_bid(form_of(item_, 2, {1000}, 1))).value();
  EXPECT_TRUE(proxy_->done());
  EXPECT_EQ(outcome.result, BidResult::accepted);
  EXPECT_EQ(outcome.minimum, Cents{1100});
  EXPECT_EQ(outcome.bid, number("SELECT id FROM bids"));
  EXPECT_EQ(number("SELECT count(*) FROM bids"), 1);
  EXPECT_EQ(metric("outcomes_asked_total"), 1);
}

TEST_F(LostCommit, ThatNeverArrivedIsMadeUpFor) {
  proxy_->cut(Cut::before_commit);
  EXPECT_EQ(wait(repo().place_bid(form_of(item_, 2, {1000}, 1))).value().result, BidResult::accepted);
  EXPECT_TRUE(proxy_->done());
  EXPECT_EQ(number("SELECT count(*) FROM bids"), 1);
}

TEST_F(LostCommit, OfABidWithoutAFormIsToldAsItIs) {
  proxy_->cut(Cut::after_commit);
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).error(), StoreError::unavailable);
  EXPECT_EQ(number("SELECT count(*) FROM bids"), 1);
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1100}))).value().result, BidResult::accepted);
}

TEST_F(LostCommit, OfARegistrationIsKnownByItsHash) {
  NewUser anna = testing::user_named("anna");
  anna.password_hash = "salted and hashed";
  proxy_->cut(Cut::after_commit);
  const auto stored = wait(repo().register_user(anna));
  EXPECT_TRUE(proxy_->done());
  EXPECT_EQ(stored.value().id, number("SELECT id FROM users WHERE nickname = 'anna'"));
  EXPECT_EQ(wait(repo().register_user(anna)).error(), StoreError::nickname_taken);
}

// ---------------------------------------------------------------------------------------------------------------
// Bounds

TEST_F(PostgresqlTest, RefusesWhatDoesNotFitIntoItsLine) {
  auto small = options();
  small.connections = 1;
  small.queue_max = 2;
  open(small);
  postgresql::BlockingSession other(
      postgresql::connect_blocking({.target = postgresql::parse_url(url_, "any")}).session, 0ms);
  other.run("BEGIN");
  other.run("SELECT * FROM items FOR UPDATE");
  std::vector<std::shared_ptr<std::optional<Result<BidOutcome>>>> answers;
  for (std::int64_t nth = 0; nth < 4; ++nth) {
    answers.push_back(start(repo().place_bid(testing::bid_on(item_, 2, {1000 + 100 * nth}))));
  }
  run_until([&] { return answers[3]->has_value(); });
  EXPECT_EQ((*answers[3])->error(), StoreError::overloaded);
  EXPECT_EQ(metric("writes_refused_total"), 1);
  EXPECT_EQ(metric("write_queue_depth"), 2);
  other.run("COMMIT");
  run_until([&] { return answers[2]->has_value(); });
  for (int nth = 0; nth < 3; ++nth) EXPECT_EQ((*answers[nth])->value().result, BidResult::accepted);
  EXPECT_EQ(metric("write_queue_depth"), 0);
}

TEST_F(PostgresqlTest, GivesUpWhatTakesTooLong) {
  auto impatient = options();
  impatient.read_time_max = 50ms;
  impatient.write_time_max = 50ms;
  open(impatient);
  ASSERT_TRUE(wait(repo().item(item_)).value());
  postgresql::BlockingSession other(
      postgresql::connect_blocking({.target = postgresql::parse_url(url_, "any")}).session, 0ms);
  other.run("BEGIN");
  other.run("LOCK TABLE items IN ACCESS EXCLUSIVE MODE");
  EXPECT_EQ(wait(repo().item(item_)).error(), StoreError::overloaded);
  EXPECT_EQ(metric("reads_given_up_total"), 1);
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).error(), StoreError::overloaded);
  EXPECT_EQ(wait(repo().categories()).error(), StoreError::unavailable)
      << "its session can't be prepared now";
  EXPECT_EQ(auction_->store->not_ready(), "") << "which does not mean that the database is away";
  other.run("COMMIT");
  EXPECT_TRUE(wait(repo().item(item_)).value());
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).value().result, BidResult::accepted);
}

TEST_F(PostgresqlTest, HasManyReadsUnderWayOnOneSession) {
  open();
  ASSERT_TRUE(wait(repo().item(item_)).value());
  const auto sessions = [&] { return metric("connects_total"); };
  const auto before = sessions();
  std::vector<std::shared_ptr<std::optional<Result<std::optional<Item>>>>> answers;
  for (int nth = 0; nth < 200; ++nth) answers.push_back(start(repo().item(nth % 2 == 0 ? item_ : 99)));
  run_until([&] { return answers.back()->has_value(); });
  for (std::size_t nth = 0; nth < answers.size(); ++nth) {
    EXPECT_EQ((*answers[nth])->value().has_value(), nth % 2 == 0) << "answers belong to their questions";
  }
  EXPECT_EQ(sessions(), before);
}

TEST_F(PostgresqlTest, EndsWhatIsUnderWayWhenTheRepositoryGoes) {
  open();
  postgresql::BlockingSession other(
      postgresql::connect_blocking({.target = postgresql::parse_url(url_, "any")}).session, 0ms);
  other.run("BEGIN");
  other.run("SELECT * FROM items FOR UPDATE");
  const auto bid = start(repo().place_bid(testing::bid_on(item_, 2, {1000})));
  run_until(
      [&] { return number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0; });
  auction_->repository.reset();
  run_until([&] { return bid->has_value(); });
  EXPECT_EQ((*bid)->error(), StoreError::unavailable);
}

// ---------------------------------------------------------------------------------------------------------------
// Replicas

TEST_F(PostgresqlTest, ReadsListsFromTheReplicaAndTheRestFromThePrimary) {
  const std::string replica = Cluster::shared().new_database();  // stands for one: it has other rows
  postgresql::open_store({.url = replica, .replica_url = {}})->stop();
  Cluster::run(replica, "DELETE FROM regions");
  auto both = options();
  both.replica_url = replica;
  open(both);
  EXPECT_THAT(wait(repo().regions()).value(), IsEmpty());
  EXPECT_THAT(wait(repo().search_text("thing", {}, clock_.now())).value(), IsEmpty());
  EXPECT_TRUE(wait(repo().item(item_)).value());
}

TEST_F(PostgresqlTest, ReadsListsFromThePrimaryWhileTheReplicaIsAway) {
  auto both = options();
  both.replica_url = "postgresql://tester@%2Fnowhere/auction";
  open(both);
  EXPECT_THAT(wait(repo().search_text("thing", {}, clock_.now())).value(), SizeIs(1));
  EXPECT_THAT(wait(repo().regions()).value(), SizeIs(62));
  EXPECT_GE(metric("replica_replaced_total"), 2);
  EXPECT_EQ(auction_->store->not_ready(), "");
}

TEST_F(PostgresqlTest, AsksTheHostsInTurnForOneThatTakesWrites) {
  auto several = options();
  several.url = "postgresql://tester@%2Fnowhere:5432,127.0.0.1:1," + url_.substr(url_.find('@') + 1);
  open(several);
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).value().result, BidResult::accepted);
}

TEST_F(PostgresqlTest, LeavesAServerThatTakesNoWrites) {
  open();
  const std::string name = url_.substr(url_.rfind('/') + 1);
  Cluster::run(url_, "ALTER DATABASE " + name + " SET default_transaction_read_only = on");
  Cluster::run(url_,
               "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice'"
               " AND pid <> pg_backend_pid()");
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).error(), StoreError::unavailable);
  EXPECT_THAT(auction_->store->not_ready(), HasSubstr("read-only"));
  Cluster::run(url_ + "?options=-cdefault_transaction_read_only%3Doff",
               "ALTER DATABASE " + name + " SET default_transaction_read_only = off");
  await_up();
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).value().result, BidResult::accepted);
}

// ---------------------------------------------------------------------------------------------------------------
// Population

PopulateOptions small_shop() {
  PopulateOptions options;
  options.users = 200;
  options.items = 300;
  options.old_items = 400;
  options.now = testing::kNewYear;
  options.style = PopulateOptions::Style::shop;
  return options;
}

class PostgresqlPopulate : public PostgresqlTest {
 protected:
  void fill() {
    postgresql::populate(url_, small_shop(), [](Progress) {});
  }
};

TEST_F(PostgresqlPopulate, MakesTheSameRowsAsInAFile) {
  fill();
  const testing::TemporaryFolder folder;
  PopulateOptions file = small_shop();
  file.file = folder / "auction.db";
  populate(file, [](Progress) {});
  sqlite::Connection db(file.file, sqlite::Access::read_only);
  for (const char* sum :
       {"SELECT count(*) FROM users", "SELECT sum(rating * id) FROM users", "SELECT count(*) FROM items",
        "SELECT sum(id * coalesce(max_bid, 1)) FROM items", "SELECT sum(end_date) FROM items",
        "SELECT sum(length(description)) FROM descriptions", "SELECT sum(bid * qty) FROM bids",
        "SELECT sum(length(comment) * rating) FROM comments", "SELECT last_open FROM population"}) {
    EXPECT_EQ(number(sum), db.number(sum)) << sum;
  }
  EXPECT_EQ(number("SELECT count(DISTINCT item) FROM item_words"), 300);
}

TEST_F(PostgresqlPopulate, IsServedByTheStoreAndGoesOnFromThere) {
  fill();
  auction_.emplace(postgresql::open_store(options()));
  const auto first = wait(repo().search_category(1, {}, testing::kNewYear)).value();
  ASSERT_FALSE(first.empty());
  const std::string word = first.front().name.substr(0, first.front().name.find(' '));
  EXPECT_FALSE(wait(repo().search_text(word, {}, testing::kNewYear)).value().empty());
  EXPECT_EQ(wait(repo().register_user(testing::user_named("new"))).value().id, 201);
  EXPECT_EQ(wait(repo().register_item(testing::item_of(201, "New"))).value(), 701);
  CommentRequest comment{.item = 701, .to = 201, .from = 1, .rating = 1, .text = "New.", .token = {}};
  EXPECT_TRUE(wait(repo().add_comment(comment)).value());
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(701, 1, {1000}))).value().result, BidResult::accepted);
}

TEST_F(PostgresqlPopulate, RefusesADatabaseThatIsNotEmpty) {
  open();
  try {
    fill();
    FAIL() << "filled";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("an auction already, with 1 users and 1 items: it is not replaced"));
  }
  EXPECT_EQ(wait(repo().item(item_)).value()->name, "Thing");
}

TEST_F(PostgresqlPopulate, FillsTheEmptyAuctionThatAServerHasMade) {
  auction_.emplace(postgresql::open_store(options()));
  ASSERT_THAT(wait(repo().search_category(1, {}, testing::kNewYear)).value(), IsEmpty());
  fill();
  EXPECT_FALSE(wait(repo().search_category(1, {}, testing::kNewYear)).value().empty())
      << "with the session it had";
}

TEST_F(PostgresqlPopulate, LeavesNothingWhenItIsInterrupted) {
  EXPECT_THROW(postgresql::populate(url_, small_shop(),
                                    [](Progress progress) {
                                      if (progress.stage == "comments") throw std::runtime_error("enough");
                                    }),
               std::runtime_error);
  testing::await([&] {
    return number("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'") == 0;
  });
}

TEST_F(PostgresqlPopulate, OpensAgedAuctionsAgain) {
  fill();
  EXPECT_EQ(postgresql::redate(url_, testing::kNewYear + 24h).moved, 0) << "most are open";
  const WallSeconds later = testing::kNewYear + 24h * 30;
  {
    auto then = options();
    then.clock = [&] { return later; };
    then.look_every = then.housekeeping_every = 1ms;
    const auto store = postgresql::open_store(then);
    testing::await([&] { return number("SELECT count(*) FROM items WHERE listed") == 0; });
  }
  Cluster::run(url_, "UPDATE items SET quantity = 0 WHERE id = 500");
  const Redated redated = postgresql::redate(url_, later);
  EXPECT_EQ(redated.moved, 299);
  EXPECT_EQ(redated.open, 299);
  EXPECT_EQ(number("SELECT count(DISTINCT item) FROM item_words"), 299);
  EXPECT_EQ(postgresql::redate(url_, later).moved, 0);
}

}  // namespace
}  // namespace sluice::auction
