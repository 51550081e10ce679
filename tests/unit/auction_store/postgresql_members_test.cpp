#include <algorithm>
#include <array>
#include <map>

#include "tests/unit/auction_store/postgresql_fixture.hpp"

/// What the PostgreSQL store promises when servers share a database.
namespace sluice::auction {
namespace {

using namespace std::chrono_literals;
using testing::Cluster;
using ::testing::HasSubstr;
using testing::PostgresqlTest;

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
  wait(repo().place_bid(testing::form_of(item_, 2, {1000}, 1))).value();
  ASSERT_TRUE(wait(repo().start_login(LoginKey{1}, 1, clock_.now() + 1h)).has_value());
  clock_.advance(std::chrono::days{8});
  for (const char* rows : {"SELECT count(*) FROM items WHERE listed", "SELECT count(*) FROM item_words",
                           "SELECT count(*) FROM logins", "SELECT count(*) FROM form_tokens"}) {
    testing::await([&] { return number(rows) == 0; });
  }
  EXPECT_TRUE(wait(repo().item(item_)).value()) << "the item itself stays";
}

}  // namespace
}  // namespace sluice::auction
