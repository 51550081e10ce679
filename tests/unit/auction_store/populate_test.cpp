#include "apps/auction/store/populate/populate.hpp"

#include <argon2.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "apps/auction/store/populate/demo_password.hpp"
#include "apps/auction/store/populate/plan.hpp"
#include "apps/auction/store/populate/texts.hpp"
#include "apps/auction/store/sqlite/database.hpp"
#include "tests/unit/auction_store/support.hpp"

namespace sluice::auction {
namespace {

using namespace std::chrono_literals;
using population::Plan;
using ::testing::Each;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

const auto kQuiet = [](Progress) {};

class PopulateTest : public ::testing::Test {
 protected:
  PopulateOptions options(PopulateOptions::Style style = PopulateOptions::Style::rubis) {
    PopulateOptions options;
    options.file = folder_ / "auction.db";
    options.users = 200;
    options.items = 300;
    options.old_items = 400;
    options.now = testing::kNewYear;
    options.style = style;
    return options;
  }

  std::int64_t number(const std::string& sql) {
    sqlite::Connection db(folder_ / "auction.db", sqlite::Access::read_only);
    return db.number(sql);
  }
  static std::string at(const char* sql) {
    return std::string{sql} + std::to_string(testing::kNewYear.time_since_epoch().count());
  }

  testing::TemporaryFolder folder_;
};

class Populated : public PopulateTest, public ::testing::WithParamInterface<PopulateOptions::Style> {
 protected:
  void SetUp() override { populate(options(GetParam()), kQuiet); }
};

TEST_P(Populated, HasAllItsRows) {
  EXPECT_EQ(number("SELECT count(*) FROM users"), 200);
  EXPECT_EQ(number("SELECT count(*) FROM items"), 700);
  EXPECT_EQ(number("SELECT count(*) FROM descriptions"), 700);
  EXPECT_EQ(number("SELECT count(*) FROM comments"), 700);
  EXPECT_EQ(number("SELECT count(*) FROM items WHERE listed = 1"), 300);
  EXPECT_EQ(number("SELECT count(DISTINCT category) FROM items WHERE listed = 1"), 20);
  EXPECT_GT(number("SELECT count(*) FROM bids"), 700 * 7);
}

TEST_P(Populated, AgreesWithItself) {
  EXPECT_EQ(
      number(
          "SELECT count(*) FROM items i WHERE nb_of_bids <> (SELECT count(*) FROM bids WHERE item_id = i.id)"
          " OR max_bid IS NOT (SELECT max(bid) FROM bids WHERE item_id = i.id)"),
      0);
  EXPECT_EQ(number("SELECT count(*) FROM users u WHERE rating <>"
                   " (SELECT coalesce(sum(rating), 0) FROM comments WHERE to_user_id = u.id)"),
            0);
  EXPECT_EQ(number("SELECT count(*) FROM bids b JOIN bids c ON c.item_id = b.item_id AND c.id = b.id + 1"
                   " WHERE c.bid < b.bid + 100 OR c.date < b.date"),
            0)
      << "bids rise, in amount and in time";
  EXPECT_EQ(
      number("SELECT count(*) FROM bids b JOIN items i ON i.id = b.item_id WHERE b.bid < i.initial_price"
             " OR b.max_bid < b.bid OR b.qty < 1 OR b.qty > i.quantity OR b.user_id = i.seller"
             " OR b.date < i.start_date OR b.date >= i.end_date"),
      0);
  EXPECT_EQ(number("SELECT count(*) FROM items i JOIN users u ON u.id = i.seller WHERE i.region <> u.region"
                   " OR u.creation_date >= i.start_date"),
            0);
  EXPECT_EQ(number("SELECT count(*) FROM comments c JOIN items i ON i.id = c.item_id"
                   " WHERE c.to_user_id <> i.seller OR c.from_user_id = i.seller OR c.date < i.start_date"),
            0);
  EXPECT_EQ(number(at("SELECT count(*) FROM bids WHERE date > ")), 0);
  EXPECT_EQ(number(at("SELECT count(*) FROM comments WHERE date > ")), 0);
  EXPECT_EQ(number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
}

TEST_P(Populated, IsOpenForAWeekAndNoLonger) {
  EXPECT_EQ(number(at("SELECT count(*) FROM items WHERE listed = 1 AND end_date > ")), 300);
  EXPECT_EQ(number(at("SELECT count(*) FROM items WHERE listed = 0 AND end_date < ")), 400);
  EXPECT_EQ(number(at("SELECT count(*) FROM items WHERE end_date > 604800 + ")), 0);
  EXPECT_EQ(number(at("SELECT count(*) FROM items WHERE start_date > ")), 0);
}

TEST_P(Populated, HasNoWordThatRubisClientTakesForAFailure) {
  for (const char* word : {"ERROR", "Sorry", "itemId=", "<IMG SRC"}) {
    EXPECT_EQ(number("SELECT count(*) FROM items WHERE name GLOB '*" + std::string{word} + "*'"), 0);
    EXPECT_EQ(
        number("SELECT count(*) FROM descriptions WHERE description GLOB '*" + std::string{word} + "*'"), 0);
    EXPECT_EQ(number("SELECT count(*) FROM comments WHERE comment GLOB '*" + std::string{word} + "*'"), 0);
  }
}

TEST_P(Populated, IsServedByTheStore) {
  sqlite::Options store;
  store.file = folder_ / "auction.db";
  testing::Auction auction(store);
  const auto first = auction.wait(auction.repository->search_category(1, {}, testing::kNewYear)).value();
  ASSERT_FALSE(first.empty());
  const std::string word = first.front().name.substr(0, first.front().name.find(' '));
  EXPECT_THAT(auction.wait(auction.repository->search_text(word, {}, testing::kNewYear)).value(),
              Not(IsEmpty()));
  EXPECT_THAT(auction.wait(auction.repository->account(first.front().id % 200 + 1, testing::kNewYear))
                  .value()
                  ->comments,
              Each(::testing::Field(&Comment::id, Ge(1))));
  EXPECT_TRUE(auction.wait(auction.repository->register_item(testing::item_of(1, "New"))).has_value());
}

INSTANTIATE_TEST_SUITE_P(Populate, Populated,
                         ::testing::Values(PopulateOptions::Style::rubis, PopulateOptions::Style::shop),
                         [](const auto& test) {
                           return test.param == PopulateOptions::Style::rubis ? "AsRubis" : "AsShop";
                         });

TEST_F(PopulateTest, NamesUsersAsRubisDoes) {
  populate(options(), kQuiet);
  EXPECT_EQ(number("SELECT count(*) FROM users WHERE nickname = 'user' || id AND firstname = 'Great' || id"
                   " AND lastname = 'User' || id AND email = 'Great' || id || '.User' || id || '@rubis.com'"
                   " AND region = (id - 1) % 62 + 1"),
            200);
}

TEST_F(PopulateTest, GivesOpenItemsPricesByTheirOwnPosition) {
  populate(options(), kQuiet);
  EXPECT_EQ(number("SELECT count(*) FROM items WHERE listed = 1 AND reserve_price IS NOT NULL"),
            300 * 40 / 100);
  EXPECT_EQ(number("SELECT count(*) FROM items WHERE listed = 1 AND buy_now IS NOT NULL"), 300 * 10 / 100);
  EXPECT_EQ(number("SELECT count(*) FROM items WHERE listed = 0 AND buy_now IS NOT NULL"), 400 * 10 / 100);
  EXPECT_GE(number("SELECT count(*) FROM items WHERE listed = 1 AND quantity = 1"), 300 * 80 / 100);
  EXPECT_GT(number("SELECT count(*) FROM items WHERE listed = 1 AND quantity > 1"), 300 * 10 / 100);
}

TEST_F(PopulateTest, MakesTheSameFileFromTheSameSeed) {
  const auto bytes = [&] {
    std::ifstream file(folder_ / "auction.db", std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  auto again = options();
  populate(again, kQuiet);
  const std::string first = bytes();
  again.force = true;
  populate(again, kQuiet);
  EXPECT_TRUE(bytes() == first);
  again.seed = 2;
  populate(again, kQuiet);
  EXPECT_FALSE(bytes() == first);
}

TEST_F(PopulateTest, ReportsEveryStageToItsEnd) {
  std::vector<std::string> finished;
  populate(options(), [&](Progress progress) {
    EXPECT_LE(progress.done, progress.total);
    if (progress.done == progress.total) finished.emplace_back(progress.stage);
  });
  EXPECT_THAT(finished, ::testing::ElementsAre("users", "items", "bids", "comments", "indices", "disk"));
}

TEST_F(PopulateTest, LeavesNothingUnderTheNameWhenItIsInterrupted) {
  EXPECT_THROW(populate(options(),
                        [](Progress progress) {
                          if (progress.stage == "bids") throw std::runtime_error("enough");
                        }),
               std::runtime_error);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(PopulateTest, ReplacesOnlyAnAuctionThatNobodyUses) {
  auto forced = options();
  forced.force = true;
  populate(options(), kQuiet);
  EXPECT_THROW(populate(options(), kQuiet), std::runtime_error) << "it exists";
  {
    sqlite::Options store;
    store.file = folder_ / "auction.db";
    testing::Auction auction(store);
    auction.wait(auction.repository->register_user(testing::user_named("new"))).value();
    EXPECT_THROW(populate(forced, kQuiet), std::runtime_error) << "in use";
  }
  populate(forced, kQuiet);
  EXPECT_EQ(number("SELECT count(*) FROM users"), 200);

  forced.file = folder_ / "letter.txt";
  std::ofstream(forced.file) << std::string(5000, 'x');
  EXPECT_THROW(populate(forced, kQuiet), std::exception);
  EXPECT_EQ(std::filesystem::file_size(forced.file), 5000u);
}

TEST_F(PopulateTest, RefusesItemsWithoutUsers) {
  auto lonely = options();
  lonely.users = 1;
  EXPECT_THROW(populate(lonely, kQuiet), std::invalid_argument);
  lonely.items = lonely.old_items = 0;
  populate(lonely, kQuiet);
  EXPECT_EQ(number("SELECT count(*) FROM users"), 1);
}

TEST_F(PopulateTest, OpensAgedAuctionsAgain) {
  populate(options(), kQuiet);
  const auto file = folder_ / "auction.db";
  EXPECT_EQ(redate(file, testing::kNewYear + 24h).moved, 0) << "most are open";

  const WallSeconds later = testing::kNewYear + 24h * 30;
  {  // the store has taken them out of its search, and one is sold
    sqlite::Options store;
    store.file = file;
    store.clock = [&] { return later; };
    store.housekeeping_every = 1ms;
    testing::Auction auction(store);
    testing::await([&] { return number("SELECT count(*) FROM items WHERE listed = 1") == 0; });
  }
  sqlite::Connection(file, sqlite::Access::read_write)
      .require("UPDATE items SET quantity = 0 WHERE id = 500");
  const Redated redated = redate(file, later);
  EXPECT_EQ(redated.moved, 299);
  EXPECT_EQ(redated.open, 299);
  EXPECT_EQ(number("SELECT count(*) FROM items WHERE listed = 1"), 299);
  const std::string week = std::to_string((later + 168h).time_since_epoch().count());
  EXPECT_EQ(number("SELECT count(*) FROM items WHERE listed = 1 AND end_date > " + week), 0);
  EXPECT_GT(number("SELECT count(DISTINCT (end_date - " + week + ") / 86400) FROM items WHERE listed = 1"), 6)
      << "spread over the week";
  EXPECT_EQ(number("SELECT count(*) FROM item_words WHERE item_words MATCH 'rubis'"), 299);
  EXPECT_EQ(redate(file, later).moved, 0);
  EXPECT_EQ(redate(file, later, true).moved, 299);
  EXPECT_EQ(number("SELECT count(*) FROM item_words WHERE item_words MATCH 'rubis'"), 299);
}

TEST(CategorySizes, AreThoseOfRubisAtFullSizeAndInProportionBelow) {
  const auto full = population::category_sizes(32'667);
  EXPECT_NEAR(static_cast<double>(full[5]), 7521, 6);
  for (const std::int64_t items : {0, 1, 19, 20, 33, 1000, 32'667, 100'000}) {
    const auto sizes = population::category_sizes(items);
    EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}), items);
    if (items >= 20) {
      EXPECT_THAT(sizes, Each(Ge(1)));
    }
  }
}

TEST(DemoPasswords, AreArgon2idOfTheCheapestKind) {
  population::Random random(1, population::Stream::user, 1);
  const std::string hash = population::demo_password_hash("password1", random);
  EXPECT_THAT(hash, MatchesRegex("\\$argon2id\\$v=19\\$m=8,t=1,p=1\\$[A-Za-z0-9+/]{22}\\$[A-Za-z0-9+/]{43}"));
  EXPECT_EQ(argon2id_verify(hash.c_str(), "password1", 9), ARGON2_OK);
  EXPECT_NE(argon2id_verify(hash.c_str(), "password2", 9), ARGON2_OK);
}

TEST(Texts, AreAsLongAsThoseOfRubis) {
  std::size_t longest = 0, shortest = 9999;
  for (Id item = 1; item <= 3000; ++item) {
    const auto size = population::rubis_description(1, item).size();
    longest = std::max(longest, size);
    shortest = std::min(shortest, size);
  }
  EXPECT_LE(longest, 8192u);
  EXPECT_GT(longest, 8100u);
  EXPECT_GE(shortest, 1u);
  EXPECT_LT(shortest, 50u);
}

}  // namespace
}  // namespace sluice::auction
