#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <thread>

#include "apps/auction/store/sqlite/database.hpp"
#include "tests/unit/auction_store/support.hpp"

namespace sluice::auction {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;

namespace asio = boost::asio;

class WriterTest : public ::testing::Test {
 protected:
  sqlite::Options options() {
    sqlite::Options options;
    options.file = folder_ / "auction.db";
    options.clock = [this] { return clock_.now(); };
    return options;
  }

  /// Opens the store with one seller (1) and one item of 10.00.
  void open(sqlite::Options options, NewItem item = testing::item_of(1, "Thing")) {
    auction_.emplace(std::move(options));
    wait(repo().register_user(testing::user_named("seller"))).value();
    item_ = wait(repo().register_item(std::move(item))).value();
  }

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

  /// Starts a write without waiting for it; its answer arrives while the loop runs.
  template <class T>
  std::shared_ptr<std::optional<Result<T>>> start(Task<Result<T>> task) {
    auto answer = std::make_shared<std::optional<Result<T>>>();
    asio::co_spawn(auction_->loop, std::move(task),
                   [answer](std::exception_ptr, Result<T> result) { answer->emplace(std::move(result)); });
    auction_->loop.restart();
    auction_->loop.poll();
    return answer;
  }
  void finish() { auction_->loop.restart(), auction_->loop.run(); }

  testing::TemporaryFolder folder_;
  testing::ManualClock clock_;
  std::optional<testing::Auction> auction_;
  Id item_ = 0;
};

/// Holds the write lock, as another process would.
class OtherProcess {
 public:
  explicit OtherProcess(const std::filesystem::path& file) : db_(file, sqlite::Access::read_write) {
    sqlite3_busy_timeout(db_.get(), 10'000);
    db_.require("BEGIN IMMEDIATE");
  }
  void let_go() { db_.require("ROLLBACK"); }

 private:
  sqlite::Connection db_;
};

/// One processor: its thread, its loop, its repository.
template <class Work>
std::thread processor(Store& store, Work work) {
  return std::thread([&store, work] {
    asio::io_context loop{1};
    const auto repository = store.repository(loop.get_executor());
    asio::co_spawn(loop, work(*repository), asio::detached);
    loop.run();
  });
}

TEST_F(WriterTest, LetsTwoBiddersRaceWithoutLosingABid) {
  open(options());
  std::array<std::vector<std::pair<Id, Cents>>, 2> accepted;  // by bidder, in the order of acknowledgement
  const auto bidder = [&](std::size_t who) {
    return [&, who](Repository& repository) -> Task<void> {
      BidRequest request = testing::bid_on(item_, static_cast<Id>(who + 2), {1000});
      for (int nth = 0; nth < 200; ++nth) {
        const BidOutcome outcome = (co_await repository.place_bid(request)).value();
        if (outcome.result == BidResult::accepted) accepted[who].emplace_back(outcome.bid, request.amount);
        request.amount = outcome.minimum;
      }
    };
  };
  const auto first = bidder(0), second = bidder(1);
  std::thread one = processor(*auction_->store, first), two = processor(*auction_->store, second);
  one.join();
  two.join();

  sqlite::Connection db(folder_ / "auction.db", sqlite::Access::read_only);
  sqlite::Statement bids(db, "SELECT id, user_id, bid FROM bids ORDER BY id");
  std::array<std::vector<std::pair<Id, Cents>>, 2> stored;
  Cents highest{0};
  auto query = bids.run();
  while (query.next()) {
    auto row = query.row();
    const Id id = row.number();
    const auto who = static_cast<std::size_t>(row.number() - 2);
    const auto amount = row.take<Cents>();
    EXPECT_GT(amount, highest) << "bids rise";
    highest = amount;
    stored[who].emplace_back(id, amount);
  }
  EXPECT_EQ(stored, accepted) << "exactly what was acknowledged, in that order";
  EXPECT_GE(accepted[0].size() + accepted[1].size(), 200u);
  const Item item = wait(repo().item(item_)).value().value();
  EXPECT_EQ(item.highest_bid, highest);
  EXPECT_EQ(item.bids, std::ssize(accepted[0]) + std::ssize(accepted[1]));
}

TEST_F(WriterTest, NeverSellsMoreThanThereIs) {
  NewItem pens = testing::item_of(1, "Pens");
  pens.quantity = 50;
  pens.buy_now = Cents{200};
  open(options(), pens);
  std::array<std::int64_t, 2> bought{};
  const auto buyer = [&](std::size_t who) {
    return [&, who](Repository& repository) -> Task<void> {
      for (std::int64_t nth = 0; nth < 60; ++nth) {
        const std::int64_t quantity = nth % 3 + 1;
        const auto outcome =
            (co_await repository.buy_now(testing::purchase_of(item_, static_cast<Id>(who + 2), quantity)))
                .value();
        EXPECT_GE(outcome.left, 0);
        if (outcome.result == PurchaseResult::accepted) bought[who] += quantity;
      }
    };
  };
  const auto first = buyer(0), second = buyer(1);
  std::thread one = processor(*auction_->store, first), two = processor(*auction_->store, second);
  one.join();
  two.join();
  EXPECT_EQ(bought[0] + bought[1], 50);
  EXPECT_EQ(wait(repo().item(item_)).value()->quantity, 0);
}

TEST_F(WriterTest, RunsABatchInWhichOneFailureHarmsNoNeighbour) {
  open(options());
  const auto batches = metric("write_batches_total");
  OtherProcess other(folder_ / "auction.db");
  const auto lead = start(repo().place_bid(testing::bid_on(item_, 2, {1000})));
  testing::await(
      [&] { return metric("write_queue_depth") == 0; });  // the writer has it, and waits for the lock
  NewItem broken = testing::item_of(1, "Broken");
  broken.quantity = -1;
  const auto before = start(repo().place_bid(testing::bid_on(item_, 2, {1500})));
  const auto failing = start(repo().register_item(broken));
  const auto taken = start(repo().register_user(testing::user_named("seller")));
  const auto after = start(repo().place_bid(testing::bid_on(item_, 2, {2000})));
  other.let_go();
  finish();

  EXPECT_EQ(metric("write_batches_total"), batches + 2) << "the four were one batch";
  EXPECT_EQ((*lead)->value().result, BidResult::accepted);
  EXPECT_EQ((*before)->value().result, BidResult::accepted);
  EXPECT_EQ((*failing)->error(), StoreError::invalid);
  EXPECT_EQ((*taken)->error(), StoreError::nickname_taken);
  EXPECT_EQ((*after)->value().result, BidResult::accepted);
  EXPECT_THAT(wait(repo().bids(item_)).value(), SizeIs(3));
  EXPECT_FALSE(wait(repo().item(item_ + 1)).value()) << "nothing is left of the failed one";
}

TEST_F(WriterTest, UndoesWhatAFailedWriteHadDoneSoFar) {
  open(options());
  sqlite::Connection(folder_ / "auction.db", sqlite::Access::read_write)
      .require("UPDATE users SET rating = 9223372036854775807");
  CommentRequest request;
  request.item = item_;
  request.to = 1;
  request.from = 2;
  request.rating = 5;  // one too many, found out when the comment is already in its table
  EXPECT_EQ(wait(repo().add_comment(request)).error(), StoreError::invalid);
  EXPECT_THAT(wait(repo().comments_to(1)).value(), SizeIs(0));
}

TEST_F(WriterTest, CountsAFormOnceWithinABatch) {
  open(options());
  OtherProcess other(folder_ / "auction.db");
  BidRequest request = testing::bid_on(item_, 2, {1000});
  request.token = FormToken{42};
  std::vector<std::shared_ptr<std::optional<Result<BidOutcome>>>> answers;
  for (int copies = 0; copies < 10; ++copies) answers.push_back(start(repo().place_bid(request)));
  other.let_go();
  finish();
  int replayed = 0;
  for (const auto& answer : answers) {
    EXPECT_EQ((*answer)->value().result, BidResult::accepted);
    replayed += (*answer)->value().replayed;
  }
  EXPECT_EQ(replayed, 9);
  EXPECT_EQ(wait(repo().item(item_)).value()->bids, 1);
}

TEST_F(WriterTest, RefusesWhatDoesNotFitIntoItsQueue) {
  sqlite::Options small = options();
  small.queue_max = 2;
  open(std::move(small));
  OtherProcess other(folder_ / "auction.db");
  const auto first = start(repo().place_bid(testing::bid_on(item_, 2, {1000})));
  testing::await([&] { return metric("write_queue_depth") == 0; });
  const auto second = start(repo().place_bid(testing::bid_on(item_, 2, {1100})));
  const auto third = start(repo().place_bid(testing::bid_on(item_, 2, {1200})));
  const auto fourth = start(repo().place_bid(testing::bid_on(item_, 2, {1300})));
  EXPECT_EQ(metric("writes_refused_total"), 1);
  other.let_go();
  finish();
  EXPECT_TRUE((*first)->has_value() && (*second)->has_value() && (*third)->has_value());
  EXPECT_EQ((*fourth)->error(), StoreError::overloaded);
}

TEST_F(WriterTest, GivesUpWaitingForAnotherProcessAndGoesOnLater) {
  sqlite::Options impatient = options();
  impatient.busy_timeout = 20ms;
  open(std::move(impatient));
  OtherProcess other(folder_ / "auction.db");
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).error(), StoreError::overloaded);
  EXPECT_EQ(auction_->store->not_ready(), "");
  other.let_go();
  EXPECT_TRUE(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).has_value());
}

TEST_F(WriterTest, AnswersEverythingQueuedBeforeItStops) {
  open(options());
  std::vector<std::shared_ptr<std::optional<Result<BidOutcome>>>> answers;
  for (std::int64_t nth = 0; nth < 50; ++nth) {
    answers.push_back(start(repo().place_bid(testing::bid_on(item_, 2, {1000 + 100 * nth}))));
  }
  auction_->repository.reset();
  auction_->store->stop();
  finish();
  for (const auto& answer : answers) EXPECT_EQ((*answer)->value().result, BidResult::accepted);
}

TEST_F(WriterTest, HoldsARepositoryUntilItsAnswersArePosted) {
  open(options());
  const auto written = metric("writes_total");
  OtherProcess other(folder_ / "auction.db");
  std::atomic<bool> closing = false;
  std::thread processor_that_ends([&] {
    auto loop = std::make_unique<asio::io_context>(1);
    auto repository = auction_->store->repository(loop->get_executor());
    for (std::int64_t nth = 0; nth < 10; ++nth) {
      asio::co_spawn(*loop, repository->place_bid(testing::bid_on(item_, 2, {1000 + 100 * nth})),
                     asio::detached);
    }
    loop->poll();
    closing = true;
    repository.reset();
    EXPECT_EQ(metric("writes_total"), written + 10) << "jobs of a dead loop are still on their way";
    loop.reset();  // throws the answers away
  });
  testing::await([&] { return closing.load(); });
  other.let_go();
  processor_that_ends.join();
  EXPECT_EQ(wait(repo().item(item_)).value()->bids, 10);
}

TEST_F(WriterTest, AnswersUnavailableOnceStopped) {
  open(options());
  auction_->store->stop();
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).error(), StoreError::unavailable);
}

TEST_F(WriterTest, KeepsTheSearchIndicesToWhatIsOpen) {
  sqlite::Options busy = options();
  busy.housekeeping_every = 1ms;
  open(std::move(busy));
  BidRequest request = testing::bid_on(item_, 2, {1000});
  request.token = FormToken{1};
  wait(repo().place_bid(request)).value();
  ASSERT_TRUE(wait(repo().start_login(LoginKey{1}, 1, clock_.now() + 1h)).has_value());
  clock_.advance(std::chrono::days{8});

  sqlite::Connection db(folder_ / "auction.db", sqlite::Access::read_write);
  sqlite3_busy_timeout(db.get(), 10'000);
  for (const char* rows : {"SELECT count(*) FROM items WHERE listed = 1", "SELECT count(*) FROM logins",
                           "SELECT count(*) FROM form_tokens",
                           "SELECT count(*) FROM item_words WHERE item_words MATCH 'thing'"}) {
    testing::await([&] { return db.number(rows) == 0; });
  }
  db.require("INSERT INTO item_words(item_words) VALUES ('integrity-check')");
  EXPECT_TRUE(wait(repo().item(item_)).value()) << "the item itself stays";
}

TEST_F(WriterTest, CopiesItsLogBackSoThatItStaysShort) {
  sqlite::Options eager = options();
  eager.checkpoint_pages = 10;
  open(std::move(eager));
  for (std::int64_t nth = 0; nth < 300; ++nth)
    wait(repo().place_bid(testing::bid_on(item_, 2, {1000 + 100 * nth}))).value();
  EXPECT_LT(std::filesystem::file_size(folder_ / "auction.db-wal"), 40u * 4096);
}

TEST_F(WriterTest, CountsCommitsInPrometheusText) {
  open(options());
  const std::string text = auction_->store->metrics();
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_store_commit_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("sluice_store_commit_seconds_bucket{le=\"0.0005\"} "));
  EXPECT_EQ(metric("commit_seconds_bucket{le=\"+Inf\"}"), metric("commit_seconds_count"));
  EXPECT_EQ(metric("write_batches_total"), 2);
  EXPECT_EQ(metric("writes_total"), 2);
}

TEST_F(WriterTest, GivesUpAReadThatWorksTooLong) {
  sqlite::Options tight = options();
  tight.read_operations_max = 20'000;
  open(std::move(tight));
  sqlite::Connection db(folder_ / "auction.db", sqlite::Access::read_write);
  db.require(
      "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)"
      "INSERT INTO items SELECT i, 'Mass product', 100, 1, NULL, NULL, 0, NULL, 0, 4000000000, 1, 3, 1, 1 "
      "FROM n");
  const auto page = [&](std::int64_t number) {
    return wait(repo().search_category(3, {.number = number, .size = 20}, clock_.now()));
  };
  EXPECT_THAT(page(0).value(), SizeIs(20));
  EXPECT_EQ(page(1000).error(), StoreError::overloaded);
  EXPECT_THAT(page(1).value(), SizeIs(20)) << "the budget is for each read";
  EXPECT_EQ(metric("reads_given_up_total"), 1);
  EXPECT_EQ(auction_->store->not_ready(), "");
}

}  // namespace
}  // namespace sluice::auction
