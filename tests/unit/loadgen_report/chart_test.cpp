#include "loadgen/report/chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/report/scale.hpp"

namespace sluice::loadgen {
namespace {

using report::Axis;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> labels(const Axis& axis) {
  std::vector<std::string> out;
  for (const auto& tick : axis.ticks()) out.push_back(tick.label);
  return out;
}

TEST(LinearAxis, GoesFromZeroToARoundNumber) {
  EXPECT_THAT(labels(Axis::linear(3, 87)), ElementsAre("0", "20", "40", "60", "80", "100"));
  EXPECT_THAT(labels(Axis::linear(0, 0)), ElementsAre("0", "0.2", "0.4", "0.6", "0.8", "1"));
  EXPECT_THAT(labels(Axis::linear(-4, 4)), ElementsAre("-4", "-2", "0", "2", "4"));
  EXPECT_THAT(labels(Axis::linear(-4, -3)), ElementsAre("-4", "-3", "-2", "-1", "0"));
  EXPECT_DOUBLE_EQ(Axis::linear(3, 87).position(50), 0.5);
}

TEST(TimeAxis, EndsWhereTheDataEnds) {
  const Axis axis = Axis::exact(0, 59);
  EXPECT_THAT(labels(axis), ElementsAre("0", "10", "20", "30", "40", "50"));
  EXPECT_DOUBLE_EQ(axis.position(59), 1);
  EXPECT_DOUBLE_EQ(Axis::exact(5, 5).position(5), 0);
}

TEST(LogarithmicAxis, EnclosesItsValuesInRoundNumbers) {
  EXPECT_THAT(labels(Axis::logarithmic(3, 4000)), ElementsAre("1", "10", "100", "1,000", "10,000"));
  EXPECT_THAT(labels(Axis::logarithmic(3, 40)), ElementsAre("2", "5", "10", "20", "50"));
  EXPECT_THAT(labels(Axis::logarithmic(10, 10)), ElementsAre("10", "20"));
  EXPECT_DOUBLE_EQ(Axis::logarithmic(3, 4000).position(100), 0.5);
  EXPECT_TRUE(std::isnan(Axis::logarithmic(3, 4000).position(0)));
}

TEST(QuantileAxis, IsLabelledByShares) {
  EXPECT_THAT(labels(Axis::quantiles(12'000)),
              ElementsAre("0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"));
}

TEST(Axes, EndWhereStepsGetLostInRounding) {
  for (const double span : {0.125, 0.5, 1.0, 3.0})
    for (const Axis& axis :
         {Axis::exact(1e15 - span, 1e15), Axis::exact(-1e15, -1e15 + span),
          Axis::exact(9e15, 9e15 + 2 * span), Axis::exact(1e300, 1e300 * 1.0000000000000003)})
      EXPECT_LE(axis.ticks().size(), 20u) << span;
  EXPECT_LE(Axis::linear(-1e308, 1e308).ticks().size(), 20u);
  for (const double lowest : {5e-324, 1e-310, 1e-15})
    EXPECT_TRUE(std::isfinite(Axis::logarithmic(lowest, 1e15).position(lowest))) << lowest;
}

TEST(Axes, SurviveAnyNumbersAFileMayHold) {
  for (const double value : {1e-300, 1e-15, 1.0, 1e15})
    for (const Axis& axis :
         {Axis::linear(0, value), Axis::linear(-value, value), Axis::exact(value, value),
          Axis::exact(0, value), Axis::logarithmic(value, value), Axis::quantiles(value)}) {
      EXPECT_LE(axis.ticks().size(), 40u) << value;
      EXPECT_TRUE(std::isfinite(axis.position(value))) << value;
    }
}

TEST(Thinned, KeepsExtremesEndsAndGaps) {
  std::vector<double> y(10'000, 5);
  y[1234] = 100;
  y[4321] = -7;
  y[7777] = kNan;
  const auto kept = report::thinned(y, 600);
  EXPECT_LE(kept.size(), 600u);
  EXPECT_TRUE(std::ranges::is_sorted(kept));
  for (const std::size_t index : {0u, 1234u, 4321u, 7777u, 9999u})
    EXPECT_TRUE(std::ranges::binary_search(kept, index)) << index;
  EXPECT_THAT(report::thinned({1, 2, 3}, 600), ElementsAre(0, 1, 2));
}

Chart two_lines() {
  Chart chart;
  chart.title = "Throughput";
  chart.x_label = "seconds";
  chart.y_label = "per second";
  chart.series = {{"started", {0, 1, 2}, {10, 20, 30}, false, false, {}},
                  {"done", {0, 1, 2}, {5, kNan, 25}, true, false, {}}};
  return chart;
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto place = text.find(part); place != std::string::npos; place = text.find(part, place + 1)) ++n;
  return n;
}

TEST(Chart, IsAFigureWithALegendATableAndAWordForEverything) {
  const std::string html = render_chart(two_lines());
  EXPECT_THAT(html, HasSubstr("<figure"));
  EXPECT_THAT(html,
              HasSubstr("role=\"img\" aria-label=\"Throughput. per second over seconds. started: 10 to 30."));
  EXPECT_THAT(html, HasSubstr("<title>seconds 0\nstarted 10\ndone 5</title>"));
  EXPECT_THAT(html, HasSubstr("<details><summary>Figures"));
  EXPECT_THAT(html, HasSubstr("<td>30</td><td>25</td>"));
  EXPECT_THAT(html, HasSubstr("class=\"line s1 dashed\""));
  EXPECT_THAT(html, HasSubstr("class=\"direct\""));
  EXPECT_EQ(occurrences(html, "<svg"), occurrences(html, "</svg>"));
}

TEST(Chart, LeavesAGapWhereThereIsNoValue) {
  const std::string html = render_chart(two_lines());
  const auto dashed = html.find("dashed\" d=\"");
  const std::string path = html.substr(dashed, html.find("/>", dashed) - dashed);
  EXPECT_EQ(occurrences(path, "M"), 2u);
}

TEST(Chart, StacksAreas) {
  Chart chart = two_lines();
  chart.stacked = true;
  const std::string html = render_chart(chart);
  EXPECT_EQ(occurrences(html, "class=\"area"), 2u);
  EXPECT_THAT(html, HasSubstr(">60</text>"));  // 30 and 25 on top of it
}

TEST(Chart, MarksPointsAndThoseNotToBeTrusted) {
  Chart chart = two_lines();
  chart.series[0].dots = true;
  chart.series[0].hollow = {false, false, true};
  const std::string html = render_chart(chart);
  EXPECT_EQ(occurrences(html, "<circle"), 3u);
  EXPECT_EQ(occurrences(html, "hollow"), 1u);
  EXPECT_THAT(html, HasSubstr("not to be trusted"));
}

TEST(Chart, SaysSoWhenThereIsNothingToShow) {
  Chart chart;
  chart.series = {{"x", {0, 1}, {kNan, kNan}, false, false, {}}, {"y", {}, {}, false, false, {}}};
  EXPECT_THAT(render_chart(chart), HasSubstr("Nothing to show"));
  chart.y_log = true;
  chart.series = {{"zeros", {0, 1}, {0, 0}, false, false, {}}};
  EXPECT_THAT(render_chart(chart), HasSubstr("Nothing to show"));
}

TEST(Chart, StaysSmallWithManyPoints) {
  Chart chart = two_lines();
  for (Series& series : chart.series) {
    series.x.clear(), series.y.clear();
    for (int i = 0; i < 100'000; ++i) series.x.push_back(i), series.y.push_back((i * 7919) % 1000);
  }
  EXPECT_LT(render_chart(chart).size(), 60'000u);
}

TEST(Chart, TakesMoreColoursThanThereAreAndSeriesOfDifferentLength) {
  Chart chart = two_lines();
  for (int i = 0; i < 10; ++i)
    chart.series.push_back({std::string(1, 'a'), {0, 1, 2, 3.5}, {1, 2, 3}, false, false, {}});
  EXPECT_THAT(render_chart(chart), HasSubstr("<figure"));
  chart.stacked = true;
  EXPECT_THAT(render_chart(chart), HasSubstr("<figure"));
}

TEST(Chart, EscapesEverythingItIsGiven) {
  const std::string evil = "<script>\"'&";
  Chart chart = two_lines();
  chart.title = chart.note = chart.x_label = chart.y_label = chart.series[0].name = evil;
  chart.series[0].dots = true;
  const std::string html = render_chart(chart);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("\"'&")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;&quot;&#39;&amp;"));
}

TEST(Chart, EscapesItsOwnWordForASmallNumber) {
  Chart chart = two_lines();
  chart.series[0].x = chart.series[1].x = {0.0001, 1, 2};
  EXPECT_THAT(render_chart(chart), HasSubstr("<tr><th>&lt;0.001</th>"));
}

TEST(Page, NeedsNothingFromElsewhere) {
  const std::string page = render_page("a <title>", render_chart(two_lines()));
  EXPECT_THAT(page, HasSubstr("<title>a &lt;title&gt;</title>"));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
  for (const char* outside : {"<script", "<link", "<img", "url(", "@import", "http://", "https://", "src="})
    EXPECT_THAT(page, Not(HasSubstr(outside)));
}

}  // namespace
}  // namespace sluice::loadgen
