#include "apps/auction/store/postgresql/populate.hpp"
#include "apps/auction/store/sqlite/database.hpp"
#include "tests/unit/auction_store/postgresql_fixture.hpp"

/// Populations in PostgreSQL.
namespace sluice::auction {
namespace {

using namespace std::chrono_literals;
using testing::Cluster;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::PostgresqlTest;

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
