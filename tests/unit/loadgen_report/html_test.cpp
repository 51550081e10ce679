#include "loadgen/report/html.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/loadgen_report/sample.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

TEST(HtmlReport, ShowsVerdictFiguresAndCharts) {
  const std::string page = html_report(sample_sessions());
  for (const char* part :
       {"class=\"verdict valid\"", "sessions completed", "33.0<small>/s</small>",
        "Sessions: arrivals and outcomes", "Response time", "Refusals by kind",
        "The server&#39;s CPU by work", "Distribution of latencies", "The generator&#39;s CPU",
        "The generator&#39;s lag", "class=\"missed\"", "By page of the model"})
    EXPECT_THAT(page, HasSubstr(part));
}

TEST(HtmlReport, OfOtherModesHasNoEmptyChart) {
  for (const Result& result : {sample_requests(), sample_handshakes(), Result{}}) {
    const std::string page = html_report(result);
    EXPECT_THAT(page, Not(HasSubstr("Nothing to show")));
    EXPECT_THAT(page, Not(HasSubstr("Refusals")));
    EXPECT_THAT(page, Not(HasSubstr("CPU by work")));
  }
}

TEST(HtmlReport, OfTenMinutesStaysBelow400KB) {
  EXPECT_LT(html_report(sample_sessions(600)).size(), 400'000u);
}
TEST(HtmlReport, OfADayDoesToo) {
  Result result = sample_sessions(60);
  const auto minute = result.series;
  result.server.points.clear();
  for (int i = 1; i < 1440; ++i)
    for (TimeBin bin : minute) {
      bin.t += 60 * i;
      result.series.push_back(bin);
    }
  EXPECT_LT(html_report(result).size(), 400'000u);
}

TEST(HtmlReport, EscapesWhatAResultFileMayHold) {
  const std::string evil = "</title><script>alert(1)</script>\" onload='x' \x1b";
  Result result = sample_sessions();
  auto& s = result.setup;
  for (std::string* field : {&s.target, &s.label, &s.load, &s.model, &s.think, &s.tls, &s.resume, &s.retry,
                             &s.attack, &s.started_at, &s.version, &s.states[0]})
    *field = evil;
  result.verdict.reasons.push_back(evil);
  result.limits[0].text = evil;
  result.server.url = evil;
  result.server.totals[evil] = 1;
  for (auto& point : result.server.points) point.values["cpu." + evil] = 1;
  const std::string page = html_report(result);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("onload='")));
  EXPECT_THAT(page, Not(HasSubstr("\x1b")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
}

TEST(Hgrm, IsWhatHdrHistogramWrites) {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.record(std::chrono::microseconds{i * 100});
  const std::string text = hgrm(histogram);
  EXPECT_THAT(text, testing::StartsWith("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"));
  EXPECT_THAT(text, ContainsRegex("\n +100\\.000 1\\.000000000000 +1000\n#\\[Mean +="));
  EXPECT_THAT(text, ContainsRegex("#\\[Max +=      100\\.000, Total count +=         1000\\]"));
  std::istringstream lines{text};
  std::string line;
  std::getline(lines, line), std::getline(lines, line);
  double value = 0, share = 0, last_value = 0, last_share = -1;
  unsigned long long seen = 0, read = 0;
  while (std::getline(lines, line) && !line.starts_with("#")) {
    ASSERT_GE(std::sscanf(line.c_str(), "%lf %lf %llu", &value, &share, &seen), 3) << line;
    EXPECT_GE(value, last_value);
    EXPECT_GT(share, last_share);
    EXPECT_LE(share, static_cast<double>(seen) / 1000 + 1e-9) << line;
    last_value = value, last_share = share, ++read;
  }
  EXPECT_GT(read, 30u);
}

TEST(Hgrm, EndsForAsManyValuesAsAFileMayHold) {
  using std::chrono::milliseconds;
  const std::vector<Histogram::Bucket> buckets{{1000, (1ULL << 53) - 1}, {2000, 1}};
  const Histogram histogram =
      Histogram::restore(buckets, milliseconds{1}, milliseconds{2}, std::chrono::hours{1});
  const std::string text = hgrm(histogram);
  EXPECT_LE(std::ranges::count(text, '\n'), 210);
  EXPECT_THAT(text, ContainsRegex("\n +2\\.000 1\\.000000000000 "));
}

TEST(Hgrm, OfNothingHasNoLines) {
  EXPECT_THAT(hgrm(Histogram{}), HasSubstr("Total count    =            0]"));
}

}  // namespace
}  // namespace sluice::loadgen
