#include <string>

#include <gmock/gmock.h>

#include "loadgen/io/scrape.hpp"

namespace sluice::loadgen {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

struct PageCase {
  const char* name;
  std::string text;
  Samples expected;
};
class MetricsPage : public testing::TestWithParam<PageCase> {};

TEST_P(MetricsPage, IsReadAsFarAsItIsOne) { EXPECT_EQ(parse_metrics(GetParam().text), GetParam().expected); }

INSTANTIATE_TEST_SUITE_P(
    Scrape, MetricsPage,
    testing::Values(
        PageCase{"Empty", "", {}}, PageCase{"Plain", "up 1\n", {{"up", 1}}},
        PageCase{"NoNewlineAtTheEnd", "a 1\nb 2", {{"a", 1}, {"b", 2}}},
        PageCase{"CarriageReturns", "a 1\r\nb 2\r\n", {{"a", 1}, {"b", 2}}},
        PageCase{"CommentsAndBlankLines", "# HELP a b\n# TYPE a counter\n\n  \na 1\n", {{"a", 1}}},
        PageCase{"Labels", R"(a{x="1",y="2"} 3)", {{R"(a{x="1",y="2"})", 3}}},
        PageCase{"NoBlankBehindLabels", R"(a{x="1"}3)", {{R"(a{x="1"})", 3}}},
        PageCase{"EscapesStayAsWritten", R"(a{x="q\"} \\"} 3)", {{R"(a{x="q\"} \\"})", 3}}},
        PageCase{"TimestampBehindTheValue", "a 1.5 1700000000000\n", {{"a", 1.5}}},
        PageCase{"Exponents", "a 1.5e+06\nb -2E-3\nc +7\n", {{"a", 1.5e6}, {"b", -0.002}, {"c", 7}}},
        PageCase{"TheLastOfTwoCounts", "a 1\na 2\n", {{"a", 2}}},
        PageCase{"NotFinite", "a NaN\nb +Inf\nc -Inf\nd 1\n", {{"d", 1}}},
        PageCase{"NoNumber", "a\nb \nc x\nd 1x\ne +-1\nf{x=\"1\"}\n", {}},
        PageCase{"NoName", "1 2\n{x=\"1\"} 2\n-a 1\na-1\n", {}},
        PageCase{"LabelsWithoutEnd", "a{x=\"1\" 2\nb{x=\"1} 2\nc{x=\"1\\", {}},
        PageCase{"Html", "<!DOCTYPE html>\n<p>404 Not Found</p>\n", {}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(MetricsPage, NamesAndLinesAreBounded) {
  const std::string longest(kSampleNameMax, 'a');
  EXPECT_THAT(parse_metrics(longest + " 1\n" + longest + "a 2\n"), ElementsAre(Pair(longest, 1)));
  std::string page;
  for (std::size_t line = 0; line < kMetricLinesMax; ++line) page += "a 1\n";
  EXPECT_THAT(parse_metrics(page + "b 2\n"), ElementsAre(Pair("a", 1)));
}

TEST(Understood, IsWhatAViewIsMadeOf) {
  EXPECT_TRUE(understood("process_cpu_seconds_total"));
  EXPECT_TRUE(understood(R"(sluice_tls_handshakes_total{kind="full",version="1.3",result="ok"})"));
  EXPECT_FALSE(understood(R"(sluice_http_request_duration_seconds_bucket{le="1"})"));
  EXPECT_FALSE(understood("process_cpu_seconds"));
}

constexpr const char* kSluice = R"(sluice_processors 2
sluice_cpus_available 1.5
sluice_connections{state="idle"} 30
sluice_connections{state="active"} 12
sluice_accepted_connections_total %A
sluice_tls_handshakes_total{kind="full",version="1.2",result="ok"} 0
sluice_tls_handshakes_total{kind="full",version="1.3",result="ok"} %F
sluice_tls_handshakes_total{kind="resumed",version="1.3",result="ok"} %R
sluice_tls_handshakes_total{kind="unknown",version="unknown",result="failed"} 99
sluice_http_requests_total{interaction="Home",code="200"} %Q
process_cpu_seconds_total %C
)";

struct Counts {
  double cpu = 0;
  int accepted = 0, full = 0, resumed = 0, requests = 0;
};

Samples sluice_page(const Counts& counts, const std::string& more = "") {
  std::string page = kSluice;
  const auto put = [&page](const char* mark, const std::string& value) {
    page.replace(page.find(mark), 2, value);
  };
  put("%A", std::to_string(counts.accepted));
  put("%F", std::to_string(counts.full));
  put("%R", std::to_string(counts.resumed));
  put("%Q", std::to_string(counts.requests));
  put("%C", std::to_string(counts.cpu));
  return parse_metrics(page + more);
}

TEST(ServerView, ShowsRatesAndGaugesOfEachScrape) {
  const auto view =
      view_of({{0, sluice_page({.cpu = 10, .accepted = 5, .full = 100, .requests = 7})},
               {2, sluice_page({.cpu = 13, .accepted = 65, .full = 140, .resumed = 20, .requests = 607})}},
              0, 2);
  ASSERT_EQ(view.points.size(), 2U);
  EXPECT_THAT(view.points[0].values,
              ElementsAre(Pair("connections", 42), Pair("cpus_available", 1.5), Pair("processors", 2)));
  EXPECT_EQ(view.points[1].t, 2);
  EXPECT_THAT(view.points[1].values,
              ElementsAre(Pair("accepted", 30), Pair("connections", 42), Pair("cpu", 1.5),
                          Pair("cpus_available", 1.5), Pair("handshakes.full", 20),
                          Pair("handshakes.resumed", 10), Pair("processors", 2), Pair("requests", 300)));
}

TEST(ServerView, AddsUpTheWindow) {
  const auto view = view_of({{0, sluice_page({})},
                             {1, sluice_page({.cpu = 1, .full = 1000, .requests = 1000})},  // before it
                             {2, sluice_page({.cpu = 1.5, .full = 1010, .resumed = 30, .requests = 1200})},
                             {3, sluice_page({.cpu = 2.0, .full = 1020, .resumed = 60, .requests = 1400})},
                             {4, sluice_page({.cpu = 4, .full = 5000, .requests = 5000})}},  // after it
                            1, 3.1);
  EXPECT_THAT(view.totals,
              ElementsAre(Pair("connections", 42), Pair("cpu_used", 0.5), Pair("cpus_available", 1.5),
                          Pair("handshakes_full", 20), Pair("handshakes_resumed", 60), Pair("processors", 2),
                          Pair("requests", 400)));
}

TEST(ServerView, ChargesAllTheCpuToRequestsWhenThereWereHardlyHandshakes) {
  const auto cost = [](int handshakes) {
    return view_of(
               {{0, sluice_page({})}, {1, sluice_page({.cpu = 0.5, .full = handshakes, .requests = 1000})}},
               0, 1)
        .totals;
  };
  EXPECT_EQ(cost(9).at("cpu_ms_per_request"), 0.5);
  EXPECT_FALSE(cost(10).contains("cpu_ms_per_request"));
}

TEST(ServerView, TellsCostsByTheServersOwnLedger) {
  const std::string before = "sluice_cpu_seconds_total{work=\"request\"} 1\n";
  const std::string after =
      "sluice_cpu_seconds_total{work=\"request\"} 1.4\n"
      "sluice_cpu_seconds_total{work=\"handshake\"} 0.3\n"
      "sluice_tls_handshake_cpu_seconds_total{kind=\"full\"} 0.2\n"
      "sluice_tls_handshake_cpu_seconds_total{kind=\"resumed\"} 0.1\n";
  const auto view =
      view_of({{0, sluice_page({}, before)},
               {2, sluice_page({.cpu = 1, .full = 100, .resumed = 1000, .requests = 200}, after)}},
              0, 2);
  EXPECT_NEAR(view.totals.at("cpu_ms_per_request"), 2, 1e-9);
  EXPECT_NEAR(view.totals.at("cpu_ms_per_full_handshake"), 2, 1e-9);
  EXPECT_NEAR(view.totals.at("cpu_ms_per_resumed_handshake"), 0.1, 1e-9);
  EXPECT_NEAR(view.totals.at("cpu_used.request"), 0.2, 1e-9);
  EXPECT_NEAR(view.points[1].values.at("cpu.handshake"), 0.15, 1e-9);
  EXPECT_FALSE(view.points[1].values.contains("handshake_cpu.full"));
}

TEST(ServerView, KnowsTheAdmissionMetrics) {
  const auto page = [](int refused) {
    return parse_metrics(
        "sluice_admission_session_budget 250\nsluice_sessions_live 240\n"
        "sluice_admission_decisions_total{class=\"new\",decision=\"refuse\",reason=\"budget\"} " +
        std::to_string(refused) +
        "\nsluice_admission_decisions_total{class=\"new\",decision=\"refuse\",reason=\"wait\"} 4\n");
  };
  const auto view = view_of({{0, page(0)}, {1, page(6)}}, 0, 1);
  EXPECT_EQ(view.points[1].values.at("admission.new.refuse"), 6);
  EXPECT_THAT(view.totals,
              ElementsAre(Pair("admission.new.refuse", 6), Pair("budget", 250), Pair("live", 240)));
}

// What is left for "other" shrinks when the shares of the rest were estimated too high.
TEST(ServerView, TakesNoLedgerThatGoesBackForARestart) {
  const auto page = [](double cpu, int requests, const std::string& other) {
    return sluice_page({.cpu = cpu, .requests = requests},
                       "sluice_cpu_seconds_total{work=\"request\"} " + std::to_string(cpu) +
                           "\nsluice_cpu_seconds_total{work=\"other\"} " + other + "\n");
  };
  const auto view = view_of({{0, page(0, 0, "0.2")}, {1, page(0.5, 1000, "0.1")}}, 0, 1);
  EXPECT_EQ(view.totals.at("cpu_ms_per_request"), 0.5);
  EXPECT_EQ(view.points[1].values.at("requests"), 1000);
  EXPECT_EQ(view.points[1].values.at("cpu.other"), 0);
}

TEST(ServerView, LeavesOutTheIntervalOfARestart) {
  const auto view = view_of({{0, sluice_page({.cpu = 10, .requests = 500})},
                             {1, sluice_page({.cpu = 11, .requests = 600})},
                             {2, sluice_page({.cpu = 0.1, .requests = 700})},  // only the CPU tells
                             {3, sluice_page({.cpu = 0.6, .requests = 900})}},
                            0, 3);
  EXPECT_FALSE(view.points[2].values.contains("requests"));
  EXPECT_EQ(view.points[2].values.at("processors"), 2);
  EXPECT_EQ(view.totals.at("requests"), 300);
  EXPECT_NEAR(view.totals.at("cpu_used"), 0.75, 1e-9);
}

TEST(ServerView, CountsASampleThatIsNewFromZero) {
  const auto view = view_of(
      {{0, sluice_page({.requests = 10})},
       {1,
        sluice_page({.requests = 10}, "sluice_http_requests_total{interaction=\"Bid\",code=\"303\"} 5\n")}},
      0, 1);
  EXPECT_EQ(view.totals.at("requests"), 5);
}

TEST(ServerView, HasNothingToSayOfAServerItDoesNotKnow) {
  const Samples nginx{{"nginx_http_requests_total", 5}};
  const auto view = view_of({{0, nginx}, {1, nginx}}, 0, 1);
  EXPECT_THAT(view.totals, IsEmpty());
  EXPECT_THAT(view.points[1].values, IsEmpty());
  EXPECT_THAT(view_of({}, 0, 1).points, IsEmpty());
}

TEST(ServerView, ReadsLabelsInAnyOrderAndWithEscapes) {
  const auto page = [](int count) {
    return parse_metrics(
        R"(sluice_tls_handshakes_total{note="a\",kind=\"full",result="ok",kind="resumed"} )" +
        std::to_string(count));
  };
  const auto view = view_of({{0, page(0)}, {1, page(3)}}, 0, 1);
  EXPECT_EQ(view.totals.at("handshakes_resumed"), 3);
  EXPECT_FALSE(view.totals.contains("handshakes_full"));
}

}  // namespace
}  // namespace sluice::loadgen
