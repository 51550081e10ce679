#include "apps/auction/store/sqlite/schema.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "apps/auction/store/catalogue.hpp"
#include "apps/auction/store/sqlite/queries.hpp"
#include "tests/unit/auction_store/support.hpp"

namespace sluice::auction::sqlite {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Schema, IsLeftAloneWhenItIsThere) {
  const testing::TemporaryFolder folder;
  Connection db(folder / "a.db", Access::create);
  prepare_schema(db);
  db.require("DELETE FROM regions WHERE id > 1");
  prepare_schema(db);
  EXPECT_EQ(db.number("SELECT count(*) FROM regions"), 1);
  EXPECT_EQ(db.number("SELECT count(*) FROM categories"), 20);
}

TEST(Schema, OfANewerVersionIsRefusedInOneSentence) {
  const testing::TemporaryFolder folder;
  Connection db(folder / "a.db", Access::create);
  prepare_schema(db);
  db.require("PRAGMA user_version = 2");
  try {
    prepare_schema(db);
    FAIL() << "accepted";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("newer version (schema 2, this one knows 1)"));
  }
}

TEST(Schema, IsNotPutIntoTheDatabaseOfSomethingElse) {
  const testing::TemporaryFolder folder;
  {
    Connection db(folder / "a.db", Access::create);
    db.require("CREATE TABLE theirs(x)");
  }
  Options options;
  options.file = folder / "a.db";
  EXPECT_THROW(open_store(options), std::exception);
  Connection db(folder / "a.db", Access::read_only);
  EXPECT_EQ(db.number("SELECT count(*) FROM sqlite_schema"), 1);
  std::ofstream(folder / "text") << std::string(5000, 'x');
  options.file = folder / "text";
  EXPECT_THROW(open_store(options), std::exception);
}

TEST(Schema, HoldsCategoriesWhoseItemsAddUp) {
  std::int64_t sum = 0;
  for (const CategoryLine& category : rubis_categories()) sum += category.items;
  EXPECT_EQ(sum, 32'667);
  EXPECT_EQ(rubis_categories()[2].name, "Business, Office & Industrial");
}

class Reads : public ::testing::TestWithParam<queries::Named> {};

TEST_P(Reads, AreBackedByAnIndex) {
  const testing::TemporaryFolder folder;
  Connection db(folder / "a.db", Access::create);
  prepare_schema(db);
  const std::string explain = "EXPLAIN QUERY PLAN " + std::string{GetParam().sql};
  Statement statement(db, explain);
  Query query = statement.run();
  while (query.next()) {
    Row row = query.row();
    for (int skipped = 0; skipped < 3; ++skipped) row.number();
    const std::string step = row.text();
    const bool small_table = step == "SCAN categories" || step == "SCAN regions";
    // A subquery's result is scanned: it is bounded by its own LIMIT. A full-text search is "SCAN w VIRTUAL
    // TABLE INDEX n:M1", where M1 is the MATCH.
    if (!small_table && step != "SCAN b") {
      EXPECT_THAT(step, AnyOf(Not(StartsWith("SCAN")), HasSubstr(":M1")));
    }
    EXPECT_THAT(step, Not(HasSubstr("AUTOMATIC")));
    if (GetParam().search) {
      EXPECT_THAT(step, Not(HasSubstr("TEMP B-TREE")));
    }
  }
  ASSERT_FALSE(query.error()) << query.error().message();
}

INSTANTIATE_TEST_SUITE_P(Schema, Reads, ::testing::ValuesIn(queries::kReads),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace sluice::auction::sqlite
