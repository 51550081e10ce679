#include "loadgen/report/format.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace sluice::loadgen::report {
namespace {

using namespace std::chrono_literals;

struct NumberCase {
  double value;
  const char* text;
};
class Number : public testing::TestWithParam<NumberCase> {};
TEST_P(Number, ReadsWell) { EXPECT_EQ(number(GetParam().value), GetParam().text); }
INSTANTIATE_TEST_SUITE_P(All, Number,
                         testing::Values(NumberCase{0, "0"}, NumberCase{1, "1"}, NumberCase{1.5, "1.5"},
                                         NumberCase{0.25, "0.25"}, NumberCase{0.0001, "<0.001"},
                                         NumberCase{-0.0001, "-0.001"}, NumberCase{9.999, "10"},
                                         NumberCase{39.94, "39.9"}, NumberCase{99.96, "100"},
                                         NumberCase{1234.4, "1,234"}, NumberCase{-1234567, "-1,234,567"},

                                         NumberCase{NAN, "-"}, NumberCase{INFINITY, "-"}));

TEST(Precise, KeepsFourDigits) {
  EXPECT_EQ(precise(0.69994), "0.6999");
  EXPECT_EQ(precise(-0.05), "-0.05");
  EXPECT_EQ(precise(39.944), "39.94");
  EXPECT_EQ(precise(100), "100");
  EXPECT_EQ(precise(123456.7), "123,457");
  EXPECT_EQ(precise(1e-17), "0");
  EXPECT_EQ(precise(NAN), "-");
}

TEST(Count, IsGroupedByThousands) {
  EXPECT_EQ(count(0), "0");
  EXPECT_EQ(count(999), "999");
  EXPECT_EQ(count(1000), "1,000");
  EXPECT_EQ(count(1234567), "1,234,567");
}

TEST(Percent, NeverRoundsToAllOrNothing) {
  EXPECT_EQ(percent(1, 2), "50.0 %");
  EXPECT_EQ(percent(99'999, 100'000), ">99.9 %");
  EXPECT_EQ(percent(1, 100'000), "<0.1 %");
  EXPECT_EQ(percent(0, 5), "0.0 %");
  EXPECT_EQ(percent(5, 5), "100.0 %");
  EXPECT_EQ(percent(0, 0), "-");
}

TEST(Milliseconds, KeepThreeDigits) {
  EXPECT_EQ(ms(234us), "0.234");
  EXPECT_EQ(ms(1234us), "1.23");
  EXPECT_EQ(ms(12'345us), "12.3");
  EXPECT_EQ(ms(10s), "10,000");
}

struct SecondsCase {
  double value;
  const char* text;
};
class Seconds : public testing::TestWithParam<SecondsCase> {};
TEST_P(Seconds, AreSaidInTheUnitThatFits) { EXPECT_EQ(seconds(GetParam().value), GetParam().text); }
INSTANTIATE_TEST_SUITE_P(All, Seconds,
                         testing::Values(SecondsCase{0, "0 s"}, SecondsCase{0.25, "250 ms"},
                                         SecondsCase{12, "12 s"}, SecondsCase{300, "5 min"},
                                         SecondsCase{150, "2 min 30 s"}, SecondsCase{7200, "2 h"},
                                         SecondsCase{9000, "2 h 30 min"}));

TEST(Bytes, AreDecimal) {
  EXPECT_EQ(bytes(0), "0 B");
  EXPECT_EQ(bytes(999), "999 B");
  EXPECT_EQ(bytes(1500), "1.5 kB");
  EXPECT_EQ(bytes(2.3e8), "230 MB");
  EXPECT_EQ(bytes(5e15), "5,000 TB");
}

TEST(Printable, LeavesNothingThatATerminalObeys) {
  EXPECT_EQ(printable("a\x1b[31mb\n\x7f\t"), "a?[31mb???");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "?31m");  // CSI of C1
  EXPECT_EQ(printable("\xc3\xa9\xe2\x82\xac"), "\xc3\xa9\xe2\x82\xac");
}

TEST(Fitted, CutsBetweenCharacters) {
  EXPECT_EQ(fitted("abc", 3), "abc");
  EXPECT_EQ(fitted("abcd", 3), "ab…");
  EXPECT_EQ(fitted("ééééé", 3), "éé…");
  EXPECT_EQ(columns(fitted("ééééé", 3)), 3u);
}

TEST(Plain, KeepsFourDigitsAndIsReadByPrograms) {
  EXPECT_EQ(plain(0.25), "0.25");
  EXPECT_EQ(plain(12.3456), "12.35");
  EXPECT_EQ(plain(123456.7), "123457");
  EXPECT_EQ(plain(NAN), "-");
  EXPECT_EQ(plain_seconds(0.7142857), "714ms");
  EXPECT_EQ(plain_seconds(10), "10s");
  EXPECT_EQ(plain_seconds(1.5), "1500ms");
}

TEST(About, IsAsExactAsAnEstimate) {
  EXPECT_EQ(about(45), "45 s");
  EXPECT_EQ(about(200), "3 min");
  EXPECT_EQ(about(6 * 3600 + 600), "6 h 10 min");
}

TEST(ShellWord, IsQuotedWhereAShellWouldReadMoreIntoIt) {
  EXPECT_EQ(shell_word("--rate"), "--rate");
  EXPECT_EQ(shell_word("https://127.0.0.1:8443"), "https://127.0.0.1:8443");
  EXPECT_EQ(shell_word("step 10/60s, spike 200/5s"), "'step 10/60s, spike 200/5s'");
  EXPECT_EQ(shell_word("session_ok>=0.95"), "'session_ok>=0.95'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace sluice::loadgen::report
