#include "tests/unit/auction_store/postgresql_fixture.hpp"

/// Bounds of the PostgreSQL store, and which of several servers it asks.
namespace sluice::auction {
namespace {

using namespace std::chrono_literals;
using testing::Cluster;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::PostgresqlTest;
using ::testing::SizeIs;

TEST_F(PostgresqlTest, RefusesWhatDoesNotFitIntoItsLine) {
  auto small = options();
  small.connections = 1;
  small.queue_max = 2;
  open(small);
  auto other = testing::other_session(url_);
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
  auto other = testing::other_session(url_);
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
  auto other = testing::other_session(url_);
  other.run("BEGIN");
  other.run("SELECT * FROM items FOR UPDATE");
  const auto bid = start(repo().place_bid(testing::bid_on(item_, 2, {1000})));
  run_until(
      [&] { return number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0; });
  auction_->repository.reset();
  run_until([&] { return bid->has_value(); });
  EXPECT_EQ((*bid)->error(), StoreError::unavailable);
}

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

}  // namespace
}  // namespace sluice::auction
