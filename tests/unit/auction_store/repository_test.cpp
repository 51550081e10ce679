#include "apps/auction/store/sqlite/repository.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/auction_store/databases.hpp"

namespace sluice::auction {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Every test starts with a seller (1), two bidders (2, 3) and an open item (1) of 10.00.
class RepositoryTest : public testing::OnEveryDatabase {
 protected:
  void begin() override {
    for (const char* name : {"seller", "anna", "bert"}) wait(repo().register_user(user_named(name))).value();
    item_ = wait(repo().register_item(item_of(kSeller, "Red bicycle"))).value();
  }

  BidOutcome bid(Id user, Cents amount) {
    return wait(repo().place_bid(testing::bid_on(item_, user, amount))).value();
  }
  Item item() { return wait(repo().item(item_)).value().value(); }
  Id sell(const NewItem& item) { return wait(repo().register_item(item)).value(); }

  static NewUser user_named(const char* name) { return testing::user_named(name); }
  static NewItem item_of(Id seller, const char* name) { return testing::item_of(seller, name); }

  static constexpr Id kSeller = 1, kAnna = 2, kBert = 3, kNobody = 99;

  Id item_ = 0;
};

template <class T>
std::vector<Id> ids(const std::vector<T>& rows) {
  std::vector<Id> result;
  for (const auto& row : rows) result.push_back(row.id);
  return result;
}

TEST_P(RepositoryTest, HasTheCategoriesAndRegionsOfRubis) {
  const auto categories = wait(repo().categories()).value();
  ASSERT_THAT(categories, SizeIs(20));
  EXPECT_EQ(categories[0].name, "Antiques & Art");
  EXPECT_EQ(categories[19].name, "Everything Else");
  const auto regions = wait(repo().regions()).value();
  ASSERT_THAT(regions, SizeIs(62));
  EXPECT_EQ(regions[61].name, "WI--Milwaukee");
}

TEST_P(RepositoryTest, FindsARegionWithAndWithoutItsTrailingBlank) {
  for (const char* name : {"MA--Boston", "MA--Boston "}) {
    const auto region = wait(repo().region_named(name)).value();
    ASSERT_TRUE(region) << name;
    EXPECT_EQ(region->id, 24);
    EXPECT_EQ(region->name, "MA--Boston ");
  }
  EXPECT_FALSE(wait(repo().region_named("Atlantis")).value());
}

TEST_P(RepositoryTest, GivesBackAnItemAsItWasRegistered) {
  NewItem lamp = item_of(kSeller, "Lamp");
  lamp.description = "It's <B>bright</B>.";
  lamp.reserve_price = Cents{1500};
  lamp.buy_now = Cents{2500};
  lamp.quantity = 4;
  lamp.days = 3;
  const Id id = sell(lamp);
  const Item stored = wait(repo().item(id)).value().value();
  EXPECT_EQ(stored.name, "Lamp");
  EXPECT_EQ(stored.description, "It's <B>bright</B>.");
  EXPECT_EQ(stored.initial_price, Cents{1000});
  EXPECT_EQ(stored.reserve_price, Cents{1500});
  EXPECT_EQ(stored.buy_now, Cents{2500});
  EXPECT_EQ(stored.quantity, 4);
  EXPECT_EQ(stored.bids, 0);
  EXPECT_FALSE(stored.highest_bid);
  EXPECT_EQ(stored.starts, now());
  EXPECT_EQ(stored.ends, now() + 72h);
  EXPECT_EQ(stored.seller_name, "seller");
  EXPECT_EQ(stored.category_name, "Antiques & Art");
}

TEST_P(RepositoryTest, KnowsNoItemThatDoesNotExist) {
  for (const Id id : {Id{-1}, Id{0}, Id{99}}) EXPECT_FALSE(wait(repo().item(id)).value());
}

TEST_P(RepositoryTest, SellsForAUserThatDoesNotExist) {
  const Id id = sell(item_of(0, "Orphan"));
  EXPECT_EQ(wait(repo().item(id)).value()->seller_name, "");
  EXPECT_THAT(wait(repo().search_region(1, 1, {}, now())).value(), SizeIs(1)) << "the bicycle only";
}

TEST_P(RepositoryTest, RaisesThePriceWithEachBid) {
  const BidOutcome first = bid(kAnna, {1000});
  EXPECT_EQ(first.result, BidResult::accepted);
  EXPECT_EQ(first.minimum, Cents{1100});
  EXPECT_EQ(bid(kBert, {1099}).result, BidResult::outbid);
  EXPECT_EQ(bid(kBert, {1500}).result, BidResult::accepted);
  EXPECT_EQ(item().highest_bid, Cents{1500});
  EXPECT_EQ(item().bids, 2);
  const auto history = wait(repo().bids(item_)).value();
  ASSERT_THAT(history, SizeIs(2));
  EXPECT_EQ(history[0].nickname, "bert");
  EXPECT_EQ(history[0].amount, Cents{1500});
  EXPECT_EQ(history[1].nickname, "anna");
}

TEST_P(RepositoryTest, RefusesBidsAfterTheEnd) {
  clock_.advance(7 * 24h - 1s);
  EXPECT_EQ(bid(kAnna, {1000}).result, BidResult::accepted);
  clock_.advance(1s);
  EXPECT_EQ(bid(kBert, {9000}).result, BidResult::ended);
  EXPECT_EQ(item().highest_bid, Cents{1000});
}

TEST_P(RepositoryTest, RefusesBidsOnNothingAndAmountsBeyondAllBounds) {
  EXPECT_EQ(wait(repo().place_bid(testing::bid_on(-1, kAnna, {1000}))).value().result,
            BidResult::no_such_item);
  const auto absurd = wait(repo().place_bid(testing::bid_on(item_, kAnna, {INT64_MAX})));
  EXPECT_EQ(absurd.error(), StoreError::invalid);
  EXPECT_EQ(item().bids, 0);
}

TEST_P(RepositoryTest, CountsAFormOnce) {
  BidRequest request = testing::bid_on(item_, kAnna, {1000});
  request.token = FormToken{1, 2, 3};
  const BidOutcome first = wait(repo().place_bid(request)).value();
  bid(kBert, {2000});
  const BidOutcome again = wait(repo().place_bid(request)).value();
  EXPECT_EQ(again.result, BidResult::accepted);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.bid, first.bid);
  EXPECT_EQ(again.minimum, first.minimum);
  EXPECT_EQ(item().bids, 2);

  request.user = kBert;  // somebody else's form with the same token is another form
  EXPECT_FALSE(wait(repo().place_bid(request)).value().replayed);
}

TEST_P(RepositoryTest, DoesNotRememberARefusedForm) {
  BidRequest request = testing::bid_on(item_, kAnna, {1});
  request.token = FormToken{7};
  EXPECT_EQ(wait(repo().place_bid(request)).value().result, BidResult::outbid);
  request.amount = {1000};
  const BidOutcome second = wait(repo().place_bid(request)).value();
  EXPECT_EQ(second.result, BidResult::accepted);
  EXPECT_FALSE(second.replayed);
}

TEST_P(RepositoryTest, SellsWhatThereIsAndEndsWithTheLast) {
  NewItem cups = item_of(kSeller, "Cups");
  cups.quantity = 3;
  cups.buy_now = Cents{500};
  const Id id = sell(cups);
  PurchaseRequest two = testing::purchase_of(id, kAnna, 2);
  two.token = FormToken{1};
  EXPECT_EQ(wait(repo().buy_now(two)).value().left, 1);
  EXPECT_TRUE(wait(repo().buy_now(two)).value().replayed);
  EXPECT_EQ(wait(repo().item(id)).value()->quantity, 1);
  two.token = FormToken{2};
  EXPECT_EQ(wait(repo().buy_now(two)).value().result, PurchaseResult::bad_quantity);
  EXPECT_EQ(wait(repo().buy_now(testing::purchase_of(id, kBert))).value().left, 0);
  EXPECT_EQ(wait(repo().buy_now(testing::purchase_of(id, kBert))).value().result, PurchaseResult::ended);
  EXPECT_EQ(wait(repo().item(id)).value()->ends, now());
  EXPECT_THAT(wait(repo().search_text("cups", {}, now())).value(), IsEmpty());
}

TEST_P(RepositoryTest, AddsTheRatingToTheUserCommentedOn) {
  CommentRequest request;
  request.item = item_;
  request.to = kSeller;
  request.from = kAnna;
  request.rating = -3;
  request.text = "Slow.";
  request.token = FormToken{1};
  EXPECT_TRUE(wait(repo().add_comment(request)).value());
  EXPECT_TRUE(wait(repo().add_comment(request)).value());
  EXPECT_EQ(wait(repo().user(kSeller)).value()->rating, -3);
  const auto comments = wait(repo().comments_to(kSeller)).value();
  ASSERT_THAT(comments, SizeIs(1));
  EXPECT_EQ(comments[0].nickname, "anna");
  EXPECT_EQ(comments[0].text, "Slow.");

  request.to = kNobody;
  request.token.reset();
  EXPECT_FALSE(wait(repo().add_comment(request)).value());
  request.rating = 6;
  EXPECT_EQ(wait(repo().add_comment(request)).error(), StoreError::invalid);
}

TEST_P(RepositoryTest, RegistersANicknameOnce) {
  const User carl = wait(repo().register_user(user_named("carl"))).value();
  EXPECT_EQ(carl.region_name, "AZ--Phoenix");
  EXPECT_EQ(carl.created, now());
  EXPECT_EQ(wait(repo().register_user(user_named("carl"))).error(), StoreError::nickname_taken);
  EXPECT_EQ(wait(repo().user(carl.id)).value()->email, "carl@example.org");
  EXPECT_FALSE(wait(repo().user(kNobody)).value());
}

TEST_P(RepositoryTest, KeepsThePasswordHash) {
  EXPECT_EQ(wait(repo().credentials("anna")).value()->password_hash, "hash");
  EXPECT_FALSE(wait(repo().credentials("nobody")).value());
  ASSERT_TRUE(wait(repo().set_password_hash(kAnna, "better")).has_value());
  EXPECT_EQ(wait(repo().credentials("anna")).value()->password_hash, "better");
}

TEST_P(RepositoryTest, EndsLoginsOneByOneAllAtOnceAndByTime) {
  const LoginKey phone{1}, desk{2}, other{3};
  for (const auto& key : {phone, desk})
    ASSERT_TRUE(wait(repo().start_login(key, kAnna, now() + 1h)).has_value());
  ASSERT_TRUE(wait(repo().start_login(other, kBert, now() + 1h)).has_value());
  EXPECT_EQ(wait(repo().login(phone, now())).value()->nickname, "anna");
  EXPECT_FALSE(wait(repo().login(phone, now() + 1h)).value());

  ASSERT_TRUE(wait(repo().end_login(phone)).has_value());
  EXPECT_FALSE(wait(repo().login(phone, now())).value());
  EXPECT_TRUE(wait(repo().login(desk, now())).value());
  ASSERT_TRUE(wait(repo().end_logins_of(kAnna)).has_value());
  EXPECT_FALSE(wait(repo().login(desk, now())).value());
  EXPECT_TRUE(wait(repo().login(other, now())).value());
}

TEST_P(RepositoryTest, ListsOpenItemsByTheirEndPageByPage) {
  std::vector<Id> expected;
  for (const std::int64_t days : {5, 3, 1, -1}) {
    NewItem item = item_of(kSeller, "Stamp");
    item.category = 17;
    item.days = days;
    expected.insert(expected.begin(), sell(item));
  }
  expected.erase(expected.begin());  // the one that was over from the start
  const auto page = [&](std::int64_t number) {
    return ids(wait(repo().search_category(17, {.number = number, .size = 2}, now())).value());
  };
  EXPECT_THAT(page(0), ElementsAre(expected[0], expected[1]));
  EXPECT_THAT(page(1), ElementsAre(expected[2]));
  EXPECT_THAT(page(2), IsEmpty());
  EXPECT_THAT(page(-1), ElementsAre(expected[0], expected[1]));
  EXPECT_EQ(ids(wait(repo().search_region(1, 17, {}, now())).value()), expected);
  EXPECT_THAT(wait(repo().search_region(2, 17, {}, now())).value(), IsEmpty());
  EXPECT_THAT(ids(wait(repo().ending_soon(2, now())).value()), ElementsAre(expected[0], expected[1]));
}

TEST_P(RepositoryTest, FindsItemsByTheBeginningsOfTheirWords) {
  const Id van = sell(item_of(kSeller, "Red delivery van"));
  const auto found = [&](const char* text) { return ids(wait(repo().search_text(text, {}, now())).value()); };
  EXPECT_THAT(found("red"), ElementsAre(van, item_)) << "newest first";
  EXPECT_THAT(found("bic RE"), ElementsAre(item_));
  EXPECT_THAT(found("red* AND (van"), IsEmpty()) << "'and' is a word like any other";
  EXPECT_THAT(found("red, van!"), ElementsAre(van));
  EXPECT_THAT(found(""), IsEmpty());
  EXPECT_THAT(found("\"*' -"), IsEmpty());
  EXPECT_THAT(found("\xff\xfe"), IsEmpty());
  EXPECT_THAT(wait(repo().search_text("red", {}, now() + 8 * 24h)).value(), IsEmpty());
}

TEST_P(RepositoryTest, ShowsAnAccount) {
  NewItem cups = item_of(kAnna, "Cups");
  cups.buy_now = Cents{500};
  cups.quantity = 2;
  cups.days = 1;
  const Id id = sell(cups);
  bid(kAnna, {1000});
  bid(kBert, {2000});
  wait(repo().place_bid(testing::bid_on(id, kBert, {1000}))).value();
  wait(repo().buy_now(testing::purchase_of(id, kBert))).value();
  clock_.advance(25h);  // the cups are over, the bicycle is not

  const Account bert = wait(repo().account(kBert, now())).value().value();
  EXPECT_EQ(bert.user.nickname, "bert");
  ASSERT_THAT(bert.bidding, SizeIs(1));
  EXPECT_EQ(bert.bidding[0].item.id, item_);
  EXPECT_EQ(bert.bidding[0].mine, Cents{2000});
  EXPECT_TRUE(bert.bidding[0].winning);
  ASSERT_THAT(bert.won, SizeIs(1));
  EXPECT_EQ(bert.won[0].item.id, id);
  ASSERT_THAT(bert.bought, SizeIs(1));
  EXPECT_EQ(bert.bought[0].seller_name, "anna");

  const Account anna = wait(repo().account(kAnna, now())).value().value();
  ASSERT_THAT(anna.bidding, SizeIs(1));
  EXPECT_FALSE(anna.bidding[0].winning);
  EXPECT_EQ(anna.bidding[0].mine, Cents{1000});
  EXPECT_THAT(anna.won, IsEmpty());
  EXPECT_THAT(anna.selling, IsEmpty());
  EXPECT_THAT(ids(anna.sold), ElementsAre(id));
  EXPECT_THAT(ids(wait(repo().account(kSeller, now())).value()->selling), ElementsAre(item_));

  clock_.advance(30 * 24h);
  const Account later = wait(repo().account(kBert, now())).value().value();
  EXPECT_THAT(later.bought, IsEmpty());
  EXPECT_EQ(later.won.size(), 1u) << "the bicycle; the cups ended more than 30 days ago";
  EXPECT_FALSE(wait(repo().account(kNobody, now())).value());
}

INSTANTIATE_TEST_SUITE_P(All, RepositoryTest,
                         ::testing::Values(testing::Kind::sqlite, testing::Kind::postgresql),
                         testing::name_of);

TEST(MatchExpression, QuotesEveryWordAndBoundsTheirNumber) {
  EXPECT_EQ(sqlite::match_expression("red  van"), "\"red\"* \"van\"*");
  EXPECT_EQ(sqlite::match_expression("a\"b OR c:d"), "\"a\"* \"b\"* \"OR\"* \"c\"* \"d\"*");
  EXPECT_EQ(sqlite::match_expression(" ,;"), "");
  const std::string many = sqlite::match_expression("a b c d e f g h i j");
  EXPECT_EQ(std::count(many.begin(), many.end(), '*'), 8);
}

}  // namespace
}  // namespace sluice::auction
