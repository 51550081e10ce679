#include "server/settings.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::server {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// One key of every kind.
struct Sample {
  std::string text = "a";
  std::vector<std::string> list{"x"};
  bool flag = false;
  std::filesystem::path path{};
  std::uint64_t number = 5;
  Settings::Duration duration = 10s;
  std::string word = "off";
  Settings settings;
  std::vector<Problem> problems;

  Sample() {
    settings.add("server.text", text, "");
    settings.add("server.list", list, "");
    settings.add("server.flag", flag, "");
    settings.add("server.path", path, "");
    settings.add("limits.number", number, 1, 1 << 20, "");
    settings.add("server.keepalive_timeout", duration, 1ms, 1h, "");
    settings.add_choice("admission.policy", word, {"off", "observe"}, "");
  }
  void file(const std::string& content) {
    std::string name = testing::TempDir() + "settings-XXXXXX";
    ::close(::mkstemp(name.data()));
    std::ofstream(name) << content;
    settings.apply_file(name, problems);
    std::filesystem::remove(name);
  }
  std::string only_problem() const { return problems.size() == 1 ? problems[0].text() : "not one problem"; }
};

TEST(Settings, TakesEveryKindOfValueFromAFile) {
  Sample s;
  s.file(
      "[server]\ntext = \"b\"\nlist = [\"y\", \"z\"]\nflag = true\npath = \"/tmp\"\nkeepalive_timeout = "
      "\"500ms\"\n"
      "[limits]\nnumber = 7\n[admission]\npolicy = \"observe\"\n");
  EXPECT_THAT(s.problems, IsEmpty());
  EXPECT_EQ(s.text, "b");
  EXPECT_THAT(s.list, ElementsAre("y", "z"));
  EXPECT_TRUE(s.flag);
  EXPECT_EQ(s.path, "/tmp");
  EXPECT_EQ(s.number, 7U);
  EXPECT_EQ(s.duration, 500ms);
  EXPECT_EQ(s.word, "observe");
}

TEST(Settings, ReportsEveryProblemWithItsLineAndLeavesTheDefault) {
  Sample s;
  s.file("[server]\nflag = 3\nkeepalive_timeout = \"2h\"\n[limits]\nnumber = 0\n");
  ASSERT_EQ(s.problems.size(), 3U);
  EXPECT_THAT(s.problems[0].text(), HasSubstr(":5:10: limits.number expects a number from 1 to 1048576"));
  EXPECT_THAT(s.problems[1].text(), HasSubstr(":2:8: server.flag expects true or false"));
  EXPECT_THAT(s.problems[2].text(), HasSubstr(":3:21: server.keepalive_timeout expects a duration"));
  EXPECT_FALSE(s.flag);
  EXPECT_EQ(s.number, 5U);
}

TEST(Settings, NamesTheNearestKeyForAnUnknownOne) {
  Sample s;
  s.file("[server]\nkeepalive_timeot = \"1s\"\n");
  EXPECT_THAT(s.only_problem(),
              HasSubstr("unknown key server.keepalive_timeot, did you mean server.keepalive_timeout?"));
}

TEST(Settings, SaysWhereAFileIsNotToml) {
  Sample s;
  s.file("[server\n");
  EXPECT_THAT(s.only_problem(), HasSubstr(":1:"));
}

TEST(Settings, SaysThatAFileIsMissing) {
  Sample s;
  s.settings.apply_file("/nonexistent/sluice.toml", s.problems);
  EXPECT_THAT(s.only_problem(), HasSubstr("/nonexistent/sluice.toml"));
}

TEST(Settings, AFlagBeatsTheEnvironmentWhichBeatsAFile) {
  Sample s;
  s.file("[limits]\nnumber = 10\n");
  ASSERT_EQ(::setenv("SLUICE_LIMITS_NUMBER", "20", 1), 0);
  s.settings.apply_environment(s.problems);
  ::unsetenv("SLUICE_LIMITS_NUMBER");
  EXPECT_EQ(s.number, 20U);
  s.settings.apply_flag("limits.number=64KiB", s.problems);
  EXPECT_EQ(s.number, 65'536U);
  EXPECT_THAT(s.problems, IsEmpty());
  EXPECT_EQ(s.settings.lines()[4].origin, "--set");
}

TEST(Settings, AListInAFlagIsSeparatedByCommas) {
  Sample s;
  s.settings.apply_flag("server.list=a,b", s.problems);
  EXPECT_THAT(s.list, ElementsAre("a", "b"));
}

TEST(Settings, RefusesAFlagThatIsNoAssignment) {
  Sample s;
  s.settings.apply_flag("server.text", s.problems);
  EXPECT_THAT(s.only_problem(), HasSubstr("expects key=value"));
}

TEST(Settings, WhatItPrintsCanBeReadBack) {
  Sample first;
  first.settings.apply_flag("server.text=say \"hi\" \\ there", first.problems);
  first.settings.apply_flag("server.keepalive_timeout=90s", first.problems);
  std::string toml;
  for (const auto& line : first.settings.lines()) toml += line.key + " = " + line.value + "\n";
  Sample second;
  second.file(toml);
  EXPECT_THAT(second.problems, IsEmpty());
  EXPECT_EQ(second.text, "say \"hi\" \\ there");
  EXPECT_EQ(second.duration, 90s);
}

struct DurationCase {
  const char* text;
  std::optional<Settings::Duration> expected;
};
class ParseDuration : public testing::TestWithParam<DurationCase> {};
TEST_P(ParseDuration, TakesAWholeNumberAndAUnit) {
  EXPECT_EQ(parse_duration(GetParam().text), GetParam().expected);
}
INSTANTIATE_TEST_SUITE_P(Settings, ParseDuration,
                         testing::Values(DurationCase{"1500ms", 1500ms}, DurationCase{"10s", 10s},
                                         DurationCase{"2m", 120s}, DurationCase{"12h", 12h},
                                         DurationCase{"0s", 0s}, DurationCase{"", {}}, DurationCase{"10", {}},
                                         DurationCase{"s", {}}, DurationCase{"-1s", {}},
                                         DurationCase{"1.5s", {}}, DurationCase{"10 s", {}},
                                         DurationCase{"99999999999999999999s", {}},
                                         DurationCase{"18446744073709551615h", {}}));

}  // namespace
}  // namespace sluice::server
