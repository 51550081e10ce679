#include "apps/auction/store/changes.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "tests/unit/auction_store/support.hpp"

namespace sluice::auction {
namespace {

using testing::Auction;
using testing::bid_on;
using testing::item_of;
using testing::purchase_of;
using testing::user_named;
using Kind = Topic::Kind;

constexpr Topic kItem{Kind::item, 7}, kOther{Kind::item, 8}, kUser{Kind::user, 7};
using Topics = std::vector<Topic>;

TEST(Changes, NothingHasChangedAtFirst) {
  const Changes changes;
  EXPECT_TRUE(changes.unchanged(Topics{kItem, kUser}, changes.revision()));
  EXPECT_TRUE(changes.unchanged({}, changes.revision()));
}

TEST(Changes, ATopicIsChangedFromBeforeTheCommitOn) {
  Changes changes;
  const Revision before = changes.revision();
  changes.begin(Topics{kItem});
  EXPECT_FALSE(changes.unchanged(Topics{kItem}, before));
  EXPECT_FALSE(
      changes.unchanged(Topics{kItem}, changes.revision()));  // nobody can tell what a read would find
  EXPECT_TRUE(changes.unchanged(Topics{kOther, kUser}, before));
  changes.end(Topics{kItem});
  EXPECT_FALSE(changes.unchanged(Topics{kOther, kItem}, before));
  EXPECT_TRUE(changes.unchanged(Topics{kItem}, changes.revision()));
  EXPECT_TRUE(changes.unchanged(Topics{kOther}, before));
}

TEST(Changes, AReadThatBeganBeforeAWriteEndedIsNotToBeKept) {
  Changes changes;
  changes.begin(Topics{kItem});
  const Revision during = changes.revision();
  changes.end(Topics{kItem});
  EXPECT_FALSE(changes.unchanged(Topics{kItem}, during));
}

TEST(Changes, EverythingIsEverything) {
  Changes changes;
  const Revision before = changes.revision();
  changes.everything();
  EXPECT_FALSE(changes.unchanged({}, before));
  EXPECT_TRUE(changes.unchanged(Topics{kItem}, changes.revision()));
}

TEST(Changes, NothingIsKnownWhileSomebodyElseWrites) {
  Changes changes;
  const Revision before = changes.revision();
  changes.shared(true);
  EXPECT_FALSE(changes.unchanged({}, before));
  changes.shared(false);
  EXPECT_TRUE(changes.unchanged({}, before));
}

TEST(Changes, AnyIdHasAMark) {
  Changes changes;
  const Topics odd{{Kind::item, -1}, {Kind::user, INT64_MIN}, {Kind::category, INT64_MAX}};
  changes.begin(odd);
  EXPECT_FALSE(changes.unchanged(odd, changes.revision()));
}

/// What the store's writer tells about its writes.
class Written : public ::testing::Test {
 protected:
  Written() {
    seller_ = auction_.wait(auction_.repository->register_user(user_named("seller"))).value().id;
    NewItem item = item_of(seller_, "Lamp");
    item.quantity = 2;
    item.buy_now = Cents{5000};
    lamp_ = auction_.wait(auction_.repository->register_item(item)).value();
    other_ = auction_.wait(auction_.repository->register_item(item_of(seller_, "Cup"))).value();
    before_ = auction_.repository->revision();
  }

  void write_elsewhere() const {
    sqlite3* shell = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ / "auction.db").c_str(), &shell), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(shell, "UPDATE items SET name = 'Table'", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(shell);
  }

  bool changed(Topic topic) const { return !auction_.repository->unchanged(Topics{topic}, before_); }

  testing::TemporaryFolder folder_;
  Auction auction_{{.file = folder_ / "auction.db"}};
  Id seller_ = 0, lamp_ = 0, other_ = 0;
  Revision before_ = 0;
};

TEST_F(Written, ABidChangesItsItemOnly) {
  ASSERT_EQ(auction_.wait(auction_.repository->place_bid(bid_on(lamp_, 99, {1000}))).value().result,
            BidResult::accepted);
  EXPECT_TRUE(changed({Kind::item, lamp_}));
  EXPECT_FALSE(changed({Kind::item, other_}));
  EXPECT_FALSE(changed({Kind::category, 1}));
}

TEST_F(Written, ARefusedBidChangesNothing) {
  ASSERT_EQ(auction_.wait(auction_.repository->place_bid(bid_on(lamp_, 99, {1}))).value().result,
            BidResult::outbid);
  EXPECT_FALSE(changed({Kind::item, lamp_}));
}

TEST_F(Written, APurchaseChangesTheListsOnceNothingIsLeft) {
  ASSERT_EQ(auction_.wait(auction_.repository->buy_now(purchase_of(lamp_, 99))).value().left, 1);
  EXPECT_TRUE(changed({Kind::item, lamp_}));
  EXPECT_FALSE(changed({Kind::category, 1}));
  ASSERT_EQ(auction_.wait(auction_.repository->buy_now(purchase_of(lamp_, 99))).value().left, 0);
  EXPECT_TRUE(changed({Kind::category, 1}));
  EXPECT_TRUE(changed({Kind::auctions, 0}));
}

TEST_F(Written, ANewItemChangesTheListsOfItsCategory) {
  const Id item = auction_.wait(auction_.repository->register_item(item_of(seller_, "Chair"))).value();
  EXPECT_TRUE(changed({Kind::item, item}));  // somebody may have looked at it before it was there
  EXPECT_TRUE(changed({Kind::category, 1}));
  EXPECT_FALSE(changed({Kind::category, 2}));
  EXPECT_TRUE(changed({Kind::auctions, 0}));
}

TEST_F(Written, ANewMemberChangesWhatWasSaidOfNobody) {
  const Id user = auction_.wait(auction_.repository->register_user(user_named("late"))).value().id;
  EXPECT_TRUE(changed({Kind::user, user}));
  EXPECT_FALSE(changed({Kind::user, seller_}));
}

TEST_F(Written, AnotherProcessChangesEverything) {
  write_elsewhere();
  testing::await([&] { return changed({Kind::item, other_}); });
}

/// No second later: no page of ours may contradict what the other has acknowledged.
TEST_F(Written, AnotherProcessThatIsExpectedChangesEverythingAtOnce) {
  auction_.store->alone(false);
  EXPECT_TRUE(changed({Kind::item, other_}));
  before_ = auction_.repository->revision();
  EXPECT_TRUE(changed({Kind::item, other_})) << "whatever is read now may be kept by nobody";
  write_elsewhere();
  auction_.store->alone(true);
  EXPECT_TRUE(changed({Kind::item, other_}));
  testing::await([&] { return auction_.repository->unchanged({}, auction_.repository->revision()); });
  EXPECT_TRUE(changed({Kind::item, other_})) << "it has written";
}

TEST_F(Written, WhatWasReadStaysWhenTheOtherProcessDidNotWrite) {
  auction_.store->alone(false);
  EXPECT_TRUE(changed({Kind::item, other_}));
  auction_.store->alone(true);
  testing::await([&] { return !changed({Kind::item, other_}); });
}

}  // namespace
}  // namespace sluice::auction
