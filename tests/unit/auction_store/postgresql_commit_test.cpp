#include "tests/unit/auction_store/cutting_proxy.hpp"
#include "tests/unit/auction_store/postgresql_fixture.hpp"

/// Commits of which nobody has heard what became of them.
namespace sluice::auction {
namespace {

using namespace std::chrono_literals;
using testing::Cluster;
using testing::PostgresqlTest;

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
  const auto outcome = wait(repo().place_bid(testing::form_of(item_, 2, {1000}, 1))).value();
  EXPECT_TRUE(proxy_->done());
  EXPECT_EQ(outcome.result, BidResult::accepted);
  EXPECT_EQ(outcome.minimum, Cents{1100});
  EXPECT_EQ(outcome.bid, number("SELECT id FROM bids"));
  EXPECT_EQ(number("SELECT count(*) FROM bids"), 1);
  EXPECT_EQ(metric("outcomes_asked_total"), 1);
}

TEST_F(LostCommit, ThatNeverArrivedIsMadeUpFor) {
  proxy_->cut(Cut::before_commit);
  EXPECT_EQ(wait(repo().place_bid(testing::form_of(item_, 2, {1000}, 1))).value().result,
            BidResult::accepted);
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

}  // namespace
}  // namespace sluice::auction
