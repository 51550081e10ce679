#include <signal.h>

#include <array>
#include <map>

#include "tests/unit/auction_store/postgresql_fixture.hpp"

/// What the PostgreSQL store promises when its server goes away under it.
namespace sluice::auction {
namespace {

using namespace std::chrono_literals;
using testing::Cluster;
using ::testing::HasSubstr;
using testing::PostgresqlTest;
using ::testing::SizeIs;

/// Bids with forms, and sends a form again until it gets an outcome, as a browser would.
Task<void> bid_on_and_on(Repository& repository, Id item, Id user, const std::atomic<bool>& stop,
                         std::vector<std::pair<Id, Cents>>& accepted, std::atomic<int>& total) {
  std::uint64_t form = static_cast<std::uint64_t>(user) << 32;
  Cents amount{1000};
  while (!stop) {
    const BidRequest request = testing::form_of(item, user, amount, ++form);
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
  EXPECT_EQ(metric("connections"), 0);
  EXPECT_EQ(metric("up"), 0);
  Cluster::shared().start();
  await_up();
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(item_, 2, {1000}))).value().result, BidResult::accepted);
  EXPECT_THAT(wait(repo().bids(item_)).value(), SizeIs(1));
  EXPECT_EQ(metric("up"), 1);
  EXPECT_EQ(metric("connections"), 2) << "for a write and for a read";
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

}  // namespace
}  // namespace sluice::auction
