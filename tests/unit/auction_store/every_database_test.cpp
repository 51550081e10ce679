#include <gmock/gmock.h>

#include <array>

#include "tests/unit/auction_store/databases.hpp"

/// What writes promise, whatever the database, when several processors make them at a time.
namespace sluice::auction {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class WritesTest : public testing::OnEveryDatabase {
 protected:
  void begin() override { wait(repo().register_user(testing::user_named("seller"))).value(); }
  Id sell(const NewItem& item) { return wait(repo().register_item(item)).value(); }

  /// Two processors do the same work, each with its number.
  template <class Work>
  void race(Work work) {
    const auto first = [&](Repository& repository) { return work(repository, 0); };
    const auto second = [&](Repository& repository) { return work(repository, 1); };
    std::thread one = testing::processor(*auction_->store, first);
    std::thread two = testing::processor(*auction_->store, second);
    one.join();
    two.join();
  }
};

TEST_P(WritesTest, LetTwoBiddersRaceWithoutLosingABid) {
  const Id item = sell(testing::item_of(1, "Thing"));
  std::array<std::vector<Id>, 2> accepted;  // by bidder, in the order of acknowledgement
  race([&](Repository& repository, std::size_t who) -> Task<void> {
    BidRequest request = testing::bid_on(item, static_cast<Id>(who + 2), {1000});
    for (int nth = 0; nth < 45; ++nth) {
      const BidOutcome outcome = (co_await repository.place_bid(request)).value();
      if (outcome.result == BidResult::accepted) accepted[who].push_back(outcome.bid);
      request.amount = outcome.minimum;
    }
  });
  const auto stored = wait(repo().bids(item)).value();  // newest first
  std::array<std::vector<Id>, 2> found;
  for (auto bid = stored.rbegin(); bid != stored.rend(); ++bid) {
    found[static_cast<std::size_t>(bid->user - 2)].push_back(bid->id);
    if (bid != stored.rbegin()) {
      EXPECT_GT(bid->amount, std::prev(bid)->amount) << "bids rise";
    }
  }
  EXPECT_EQ(found, accepted) << "exactly what was acknowledged, in that order";
  EXPECT_EQ(wait(repo().item(item)).value()->highest_bid, stored.front().amount);
  EXPECT_EQ(wait(repo().item(item)).value()->bids, std::ssize(stored));
}

TEST_P(WritesTest, NeverSellMoreThanThereIs) {
  NewItem pens = testing::item_of(1, "Pens");
  pens.quantity = 50;
  pens.buy_now = Cents{200};
  const Id item = sell(pens);
  std::array<std::int64_t, 2> bought{};
  race([&](Repository& repository, std::size_t who) -> Task<void> {
    for (std::int64_t nth = 0; nth < 60; ++nth) {
      const auto request = testing::purchase_of(item, static_cast<Id>(who + 2), nth % 3 + 1);
      const PurchaseOutcome outcome = (co_await repository.buy_now(request)).value();
      EXPECT_GE(outcome.left, 0);
      if (outcome.result == PurchaseResult::accepted) bought[who] += request.quantity;
    }
  });
  EXPECT_EQ(bought[0] + bought[1], 50);
  EXPECT_EQ(wait(repo().item(item)).value()->quantity, 0);
}

TEST_P(WritesTest, CountAFormOnceWhenItsCopiesComeAtTheSameTime) {
  const Id item = sell(testing::item_of(1, "Thing"));
  constexpr int kForms = 15;
  std::array<int, 2> replayed{};
  race([&](Repository& repository, std::size_t who) -> Task<void> {
    for (std::uint8_t form = 1; form <= kForms; ++form) {
      BidRequest bid = testing::bid_on(item, 2, {1000 + 100 * form});
      bid.token = FormToken{form};
      const auto placed = co_await repository.place_bid(bid);
      EXPECT_EQ(placed.value().result, BidResult::accepted);
      replayed[who] += placed->replayed;
      CommentRequest comment{
          .item = item, .to = 1, .from = 2, .rating = 1, .text = "Good.", .token = bid.token};
      const auto written = co_await repository.add_comment(comment);
      EXPECT_TRUE(written.value());
      NewItem copy = testing::item_of(2, "Copy");
      copy.token = bid.token;
      const auto registered = co_await repository.register_item(copy);
      EXPECT_GT(registered.value(), 0);
    }
  });
  EXPECT_EQ(replayed[0] + replayed[1], kForms);
  EXPECT_EQ(wait(repo().item(item)).value()->bids, kForms);
  EXPECT_EQ(wait(repo().user(1)).value()->rating, kForms);
  EXPECT_THAT(wait(repo().comments_to(1)).value(), SizeIs(kForms));
  EXPECT_THAT(wait(repo().search_text("copy", {.number = 0, .size = 100}, now())).value(), SizeIs(kForms));
}

TEST_P(WritesTest, GiveANicknameToOneOfTwo) {
  std::array<int, 2> registered{};
  race([&](Repository& repository, std::size_t who) -> Task<void> {
    for (int nth = 0; nth < 20; ++nth) {
      auto user = testing::user_named("user" + std::to_string(nth));
      const auto stored = co_await repository.register_user(user);
      if (stored) {
        ++registered[who];
      } else {
        EXPECT_EQ(stored.error(), StoreError::nickname_taken);
      }
    }
  });
  EXPECT_EQ(registered[0] + registered[1], 20);
}

TEST_P(WritesTest, LeaveNothingOfWhatWasRefused) {
  NewItem broken = testing::item_of(1, "Broken");
  broken.quantity = -1;
  EXPECT_EQ(wait(repo().register_item(broken)).error(), StoreError::invalid);
  EXPECT_THAT(wait(repo().search_text("broken", {}, now())).value(), IsEmpty());

  CommentRequest praise{.item = 1, .to = 1, .from = 2, .rating = 6, .text = "Too good.", .token = {}};
  EXPECT_EQ(wait(repo().add_comment(praise)).error(), StoreError::invalid);
  EXPECT_THAT(wait(repo().comments_to(1)).value(), IsEmpty());
}

TEST_P(WritesTest, AnswerUnavailableOnceStopped) {
  auction_->store->stop();
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(1, 2, {1000}))).error(), StoreError::unavailable);
}

INSTANTIATE_TEST_SUITE_P(All, WritesTest, ::testing::Values(testing::Kind::sqlite, testing::Kind::postgresql),
                         testing::name_of);

}  // namespace
}  // namespace sluice::auction
