#include "loadgen/report/text.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/report/format.hpp"
#include "loadgen/report/live.hpp"
#include "tests/unit/loadgen_report/sample.hpp"

namespace sluice::loadgen {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Summary, SaysFirstWhetherTheFiguresCount) {
  EXPECT_THAT(summary(sample_sessions()),
              StartsWith("VALID  The figures are the server's.\n  The generator kept up"));
  EXPECT_THAT(summary(sample_requests()), StartsWith("CLIENT-LIMITED  The generator was the limit"));
}

TEST(Summary, OfSessionsHasItsLines) {
  const std::string text = summary(sample_sessions());
  for (const char* line : {"1 of 3 limits was missed\\.",                        // the first thing to know
                           "sessions offered +3,001 +54\\.6",                    //
                           "sessions started +2,989 +54\\.3 +99\\.6 %",          //
                           "sessions never started, in the whole run +11\n",     //
                           "admitted +2,250 +40\\.9 +75\\.3 %  refused or adm",  //
                           "abandoned or completed\n",                           //
                           "unfinished at the end +20 +0\\.6 %  started in the whole run",  //
                           "completed +1,830 +33\\.0 +70\\.0 %  ended",                     //
                           "timeout +40 +1\\.3 % +10,000",                                  //
                           "503 or 429 +440",                                               //
                           "waiting for the reply: timeout +40",                            //
                           "goodput: for completed sessions +21,000 +381\\.8",              //
                           "wasted: for abandoned sessions +1,500",                         //
                           "handshake, resumed +6,800 +1\\.18",                             //
                           "TLS 1\\.3, PSK +6,900 +6,800 +50 +98\\.6 %",                    //
                           "forged-ticket +2,000 +1,900",                                   //
                           "CPU per full handshake, ms +1\\.62",                            //
                           "session_ok>=0\\.95 +70\\.0 %  MISSED",                          //
                           "mean\\(first_byte\\)<10s +27 ms  met",                          //
                           "--seed 18446744073709551615 and the same options"})
    EXPECT_THAT(text, ContainsRegex(line));
}

TEST(Summary, TellsInTheOrderInWhichOneAsks) {
  const std::string text = summary(sample_sessions());
  std::size_t last = 0;
  for (const char* title : {"VALID", "\nRun\n", "\nLoad\n", "\nSessions\n", "\nRefused", "\nAbandoned",
                            "\nRequests\n", "\nLatency", "\nConnections\n", "\nResumption", "\nAttacks\n",
                            "\nThe server's own", "\nLimits\n", "\nRepeat\n"}) {
    const std::size_t place = text.find(title);
    ASSERT_NE(place, std::string::npos) << title;
    EXPECT_GE(place, last) << title;
    last = place;
  }
}

TEST(Summary, OfOtherModesLeavesSessionsOut) {
  for (const auto& result : {sample_requests(), sample_handshakes()}) {
    const std::string text = summary(result);
    for (const char* title : {"\nSessions\n", "Refused", "Abandoned", "goodput", "wasted: ", "Attacks",
                              "server's own", "Limits", "think time"})
      EXPECT_THAT(text, Not(HasSubstr(title))) << result.setup.mode;
  }
  EXPECT_THAT(summary(sample_requests()), HasSubstr("requests started"));
  EXPECT_THAT(summary(sample_handshakes()), ContainsRegex("connections offered +1,500 +300\\.0"));
}

TEST(Summary, OfSeveralGeneratorsIsNotRepeatedWithOneSeed) {
  Result result = sample_sessions();
  result.setup.generators = 2;
  EXPECT_THAT(summary(result), Not(HasSubstr("Repeat")));
  EXPECT_THAT(summary(result), Not(HasSubstr("--seed")));
  EXPECT_THAT(summary(result), HasSubstr("measured  2025-01-02T03:04:05Z"));
}

TEST(Summary, FitsIntoItsWidthAndObeysNobody) {
  Result result = sample_sessions();
  result.setup.target = "https://x/\x1b]0;owned\x07" + std::string(300, 'x');
  result.setup.label =
      "\xc2\x9b"
      "31m";
  result.verdict.reasons.push_back(std::string(400, 'y'));
  result.server.totals["evil\n\x1b"] = 3;
  for (const std::string& line : lines_of(summary(result))) EXPECT_LE(report::columns(line), 110u) << line;
  EXPECT_THAT(summary(result), Not(HasSubstr("\x1b")));
  EXPECT_THAT(summary(result), Not(HasSubstr("\xc2\x9b")));
}

TEST(Summary, OfNothingIsStillOne) { EXPECT_THAT(summary(Result{}), HasSubstr("VALID")); }

class Live : public testing::Test {
 protected:
  Progress progress() const {
    Progress p;
    p.setup = &result_.setup;
    p.bin = &result_.series.back();
    p.so_far = &result_.window;
    p.history = &result_.series;
    p.elapsed_s = 30;
    return p;
  }
  Result result_ = sample_sessions();
};

TEST_F(Live, BlockShowsNowAllAndThePast) {
  const std::string block = live_block(progress(), 100);
  EXPECT_THAT(block, HasSubstr("https://127.0.0.1:8443"));
  EXPECT_THAT(block, HasSubstr("00:30 of 01:00"));
  EXPECT_THAT(block, ContainsRegex("started +40/s +2,989"));
  EXPECT_THAT(block, ContainsRegex("refused +0/s +739"));
  EXPECT_THAT(block, ContainsRegex("own CPU +20 %"));
  EXPECT_THAT(block, HasSubstr("█"));
  EXPECT_THAT(block, Not(HasSubstr("\x1b")));
}

TEST_F(Live, BlockKeepsItsHeightAndWidth) {
  const auto height = lines_of(live_block(progress(), 100)).size();
  Progress early;
  early.setup = &result_.setup;
  early.warming_up = true;
  EXPECT_EQ(lines_of(live_block(early, 100)).size(), height);
  EXPECT_THAT(live_block(early, 100), HasSubstr("warming up"));
  for (const unsigned width : {20u, 40u, 80u, 300u})
    for (const std::string& line : lines_of(live_block(progress(), width)))
      EXPECT_LE(report::columns(line), width);
}

TEST_F(Live, LineIsPlain) {
  const std::string line = live_line(progress());
  EXPECT_THAT(line, StartsWith("00:30  started 40/s  completed "));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  for (const char c : line) EXPECT_TRUE(c >= ' ' && c <= '~') << line;
}

TEST_F(Live, SaysWhenItDrains) {
  Progress p = progress();
  p.draining = true;
  EXPECT_THAT(live_line(p), HasSubstr("in flight come to their end"));
}

TEST_F(Live, FollowsTheMode) {
  result_ = sample_requests();
  EXPECT_THAT(live_line(progress()), Not(HasSubstr("completed")));
  EXPECT_THAT(live_line(progress()), HasSubstr("replies"));
  result_ = sample_handshakes();
  EXPECT_THAT(live_line(progress()), HasSubstr("full TLS 209/s"));
  EXPECT_THAT(live_line(progress()), Not(HasSubstr("replies")));
}

TEST_F(Live, NeedsNothing) {
  EXPECT_THAT(live_line({}), StartsWith("00:00"));
  EXPECT_FALSE(live_block({}, 80).empty());
}

}  // namespace
}  // namespace sluice::loadgen
