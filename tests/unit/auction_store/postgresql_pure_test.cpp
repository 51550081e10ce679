#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/auction/store/postgresql/codec.hpp"
#include "apps/auction/store/postgresql/retry.hpp"
#include "apps/auction/store/postgresql/schema.hpp"
#include "apps/auction/store/postgresql/url.hpp"
#include "apps/auction/store/postgresql/words.hpp"

/// What the PostgreSQL store decides without a server.
namespace sluice::auction::postgresql {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST(Failures, AreWhatTheirSqlstateSays) {
  const std::pair<const char*, Failure> table[] = {
      {"40001", Failure::conflict},    {"40P01", Failure::conflict},    {"40003", Failure::lost},
      {"23505", Failure::duplicate},   {"23514", Failure::refused},     {"22003", Failure::refused},
      {"22021", Failure::refused},     {"54000", Failure::refused},     {"57014", Failure::overloaded},
      {"55P03", Failure::overloaded},  {"53300", Failure::overloaded},  {"53100", Failure::overloaded},
      {"57P01", Failure::lost},        {"57P02", Failure::lost},        {"57P03", Failure::lost},
      {"08006", Failure::lost},        {"25006", Failure::lost},        {"25P03", Failure::lost},
      {"26000", Failure::lost},        {"0A000", Failure::lost},        {"42P01", Failure::unavailable},
      {"42501", Failure::unavailable}, {"XX000", Failure::unavailable}, {"", Failure::unavailable},
  };
  for (const auto& [state, failure] : table) EXPECT_EQ(failure_of(state), failure) << state;
}

TEST(Retry, RepeatsConflictsWheneverTheyAreTold) {
  for (const Stage stage : {Stage::open, Stage::committing}) {
    for (const bool repeatable : {false, true}) {
      EXPECT_EQ(after_failure(Failure::conflict, stage, repeatable, 1), Next::again);
      EXPECT_EQ(after_failure(Failure::conflict, stage, repeatable, kTriesOfConflict - 1), Next::again);
      EXPECT_EQ(after_failure(Failure::conflict, stage, repeatable, kTriesOfConflict), Next::give_up);
    }
  }
}

TEST(Retry, AsksAgainAfterALostCommitOnlyWhenDoingItTwiceIsDoingItOnce) {
  EXPECT_EQ(after_failure(Failure::lost, Stage::open, false, 1), Next::again_elsewhere);
  EXPECT_EQ(after_failure(Failure::lost, Stage::open, true, 1), Next::again_elsewhere);
  EXPECT_EQ(after_failure(Failure::lost, Stage::committing, true, 1), Next::again_elsewhere);
  EXPECT_EQ(after_failure(Failure::lost, Stage::committing, false, 1), Next::give_up);
  EXPECT_EQ(after_failure(Failure::lost, Stage::open, true, kTriesOfConnection), Next::give_up);
}

TEST(Retry, LeavesEverythingElseAlone) {
  for (const Failure failure :
       {Failure::duplicate, Failure::refused, Failure::overloaded, Failure::unavailable}) {
    EXPECT_EQ(after_failure(failure, Stage::open, true, 1), Next::give_up);
  }
}

TEST(Pause, DoublesUpToItsBoundAndIsNeverTwiceTheSameForAll) {
  EXPECT_EQ(pause(10ms, 1s, 1, 0), 5ms);
  EXPECT_EQ(pause(10ms, 1s, 1, 5), 10ms);
  EXPECT_EQ(pause(10ms, 1s, 4, 0), 40ms);
  EXPECT_EQ(pause(10ms, 1s, 40, 0), 500ms);
  for (std::uint64_t random = 0; random < 2000; random += 7) {
    EXPECT_GE(pause(10ms, 1s, 30, random), 500ms);
    EXPECT_LE(pause(10ms, 1s, 30, random), 1s);
  }
}

TEST(Words, AreInLowerCaseOnceAndBounded) {
  EXPECT_THAT(words_of("Red, red VAN-2!", 8), ElementsAre("red", "van", "2"));
  EXPECT_THAT(words_of("a b c", 2), ElementsAre("a", "b"));
  EXPECT_THAT(words_of(" ,;", 8), IsEmpty());
  EXPECT_THAT(words_of("Käse", 8), ElementsAre("käse"));
  EXPECT_THAT(words_of(std::string(1000, 'x'), 8), ElementsAre(std::string(kWordBytesMax, 'x')));
}

TEST(Words, KnowWhatComesBehindAPrefix) {
  EXPECT_EQ(after_prefix("re"), "rf");
  EXPECT_EQ(after_prefix("z"), "{");
  EXPECT_EQ(after_prefix("a\xff"), "b");
  EXPECT_EQ(after_prefix("\xff\xff"), "");
  EXPECT_LT(std::string{"red"}, after_prefix("re"));
  EXPECT_LT(std::string{"re\xff\xff"}, after_prefix("re"));
}

TEST(Urls, AreTakenApart) {
  const Target target = parse_url(
      "postgresql://anna@db1:5433,db2/shop?sslmode=require&connect_timeout=7&target_session_attrs=primary",
      "any");
  ASSERT_THAT(target.endpoints, SizeIs(2));
  EXPECT_EQ(target.endpoints[0].host, "db1");
  EXPECT_EQ(target.endpoints[0].port, "5433");
  EXPECT_EQ(target.endpoints[1].host, "db2");
  EXPECT_TRUE(target.endpoints[1].is_name());
  EXPECT_THAT(target.wanted, ElementsAre("primary"));
  EXPECT_EQ(target.connect_timeout, 7s);
  EXPECT_THAT(target.options, ElementsAre(std::pair{std::string{"dbname"}, std::string{"shop"}},
                                          std::pair{std::string{"sslmode"}, std::string{"require"}},
                                          std::pair{std::string{"user"}, std::string{"anna"}}));
}

TEST(Urls, SayWhichSessionIsWanted) {
  EXPECT_THAT(parse_url("postgresql:///shop", "read-write").wanted, ElementsAre("read-write"));
  EXPECT_THAT(parse_url("postgresql:///shop?target_session_attrs=prefer-standby", "any").wanted,
              ElementsAre("standby", "any"));
  for (const char* url : {"postgresql://127.0.0.1/a", "postgresql://[::1]/a", "postgresql://%2Ftmp/a"}) {
    EXPECT_FALSE(parse_url(url, "any").endpoints[0].is_name()) << url;
  }
}

TEST(Urls, NeverShowAPassword) {
  const std::pair<const char*, const char*> table[] = {
      {"postgresql://anna:secret@db/shop", "postgresql://anna:***@db/shop"},
      {"postgresql://anna@db:5432/shop", "postgresql://anna@db:5432/shop"},
      {"postgresql://db:5432/shop", "postgresql://db:5432/shop"},
      {"postgres://anna:se/cr@et?x@db/shop", "postgres://anna:***@db/shop"},
      {"postgresql://db/shop?password=secret&user=anna", "postgresql://db/shop?password=***&user=anna"},
      {"postgresql://db/shop?user=anna&sslpassword=secret", "postgresql://db/shop?user=anna&sslpassword=***"},
      {"sqlite:/a:b@c", "sqlite:/a:b@c"},
      {"mysql://anna:secret@db", "mysql://anna:***@db"},
  };
  for (const auto& [url, shown] : table) EXPECT_EQ(without_password(url), shown);
  for (const char* broken :
       {"postgresql://anna:secret@db:port:5/%zz", "postgresql://anna:secret@a,b:1,c:2/x?port=1,2"}) {
    try {
      parse_url(broken, "any");
      ADD_FAILURE() << broken << " was accepted";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
    }
  }
}

TEST(Scripts, AreSplitIntoStatements) {
  EXPECT_THAT(
      statements_of("-- one\nCREATE TABLE a(\n  b BIGINT  -- two; three\n);\n\nCREATE INDEX c ON a(b);\n"),
      ElementsAre("CREATE TABLE a(\n  b BIGINT  \n)", "CREATE INDEX c ON a(b)"));
}

TEST(Params, WriteNumbersAsTextAndTextsAsTheyAre) {
  const Params params(Id{-7}, true, Cents{250}, std::optional<Cents>{}, std::string{"a'\0b", 4},
                      std::vector<std::string>{"ab", "\xff"});
  const auto lists = params.lists();
  EXPECT_STREQ(lists.values[0], "-7");
  EXPECT_STREQ(lists.values[1], "t");
  EXPECT_STREQ(lists.values[2], "250");
  EXPECT_EQ(lists.values[3], nullptr);
  EXPECT_EQ(std::string(lists.values[4], static_cast<std::size_t>(lists.lengths[4])),
            (std::string{"a'\0b", 4}));
  EXPECT_EQ(lists.formats[4], 1);
  EXPECT_STREQ(lists.values[5], "{\"\\\\x6162\",\"\\\\xff\"}");
}

TEST(Copy, EscapesWhatSeparates) {
  std::string line;
  append_copy_field(line, "a\tb\\N\r\n");
  EXPECT_EQ(line, "a\\tb\\\\N\\r\\n");
}

}  // namespace
}  // namespace sluice::auction::postgresql
