#include "loadgen/report/run_charts.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "loadgen/report/sections.hpp"

namespace sluice::loadgen::report {
namespace {

using Value = std::function<double(const TimeBin&)>;

struct Line {
  const char* name;
  Value value;
  bool dashed = false;
};

Value of(std::uint64_t TimeBin::*member) {
  return [member](const TimeBin& bin) { return static_cast<double>(bin.*member); };
}

/// A second without a reply has no percentile: a gap.
Value latency(double TimeBin::*member) {
  return [member](const TimeBin& bin) {
    return bin.*member > 0 ? bin.*member : std::numeric_limits<double>::quiet_NaN();
  };
}

Chart over_time(const Result& result, const char* title, const char* y_label,
                const std::vector<Line>& lines) {
  Chart chart;
  chart.title = title;
  chart.x_label = "seconds";
  chart.y_label = y_label;
  for (const Line& line : lines) {
    Series series;
    series.name = line.name;
    series.dashed = line.dashed;
    for (const TimeBin& bin : result.series) {
      series.x.push_back(bin.t);
      series.y.push_back(line.value(bin));
    }
    if (std::ranges::any_of(series.y, [](double y) { return y > 0; }))
      chart.series.push_back(std::move(series));
  }
  if (chart.series.size() == 1) chart.y_label = chart.series.front().name + ": " + chart.y_label;
  return chart;
}

Chart throughput(const Result& result) {
  switch (unit_of(result)) {
    case Unit::request:
      return over_time(result, "Throughput", "requests per second",
                       {{"sent", of(&TimeBin::requests)},
                        {"replies", of(&TimeBin::replies)},
                        {"errors", of(&TimeBin::errors)},
                        {"planned", of(&TimeBin::planned), true}});
    case Unit::handshake:
      return over_time(result, "Throughput", "handshakes per second",
                       {{"full", of(&TimeBin::handshakes_full)},
                        {"resumed", of(&TimeBin::handshakes_resumed)},
                        {"planned", of(&TimeBin::planned), true}});
    case Unit::session: break;
  }
  return over_time(result, "Sessions: arrivals and outcomes", "sessions per second",
                   {{"started", of(&TimeBin::started)},
                    {"completed", of(&TimeBin::completed)},
                    {"refused", [](const TimeBin& bin) { return static_cast<double>(bin.refused()); }},
                    {"abandoned", of(&TimeBin::abandoned)},
                    {"planned", of(&TimeBin::planned), true}});
}

Chart response_times(const Result& result) {
  Chart chart = over_time(result, "Response time", "ms, logarithmic",
                          {{"p50", latency(&TimeBin::p50_ms)},
                           {"p95", latency(&TimeBin::p95_ms)},
                           {"p99", latency(&TimeBin::p99_ms)},
                           {"mean", latency(&TimeBin::mean_ms), true}});
  chart.y_log = true;
  chart.note = "Of each second, from the planned start of the request to the end of its reply.";
  return chart;
}

Chart refusals(const Result& result) {
  Chart chart = over_time(result, "Refusals by kind", "sessions per second, stacked",
                          {{"503 or 429", of(&TimeBin::refused_503)},
                           {"TLS alert", of(&TimeBin::refused_alert)},
                           {"connection reset", of(&TimeBin::refused_rst)},
                           {"connection closed", of(&TimeBin::refused_fin)},
                           {"timeout", of(&TimeBin::refused_timeout)},
                           {"other", of(&TimeBin::refused_other)}});
  chart.stacked = true;
  return chart;
}

Chart alive(const Result& result) {
  return over_time(result, "Alive at the end of each second", "count",
                   {{"sessions", of(&TimeBin::live_sessions)},
                    {"connections", of(&TimeBin::connections)},
                    {"in flight", of(&TimeBin::in_flight)}});
}

Chart requests(const Result& result) {
  if (unit_of(result) != Unit::session) return {};
  return over_time(result, "Requests", "per second",
                   {{"replies", of(&TimeBin::replies)}, {"errors", of(&TimeBin::errors)}});
}

Chart handshakes(const Result& result) {
  if (unit_of(result) == Unit::handshake) return {};
  return over_time(result, "TLS handshakes", "per second",
                   {{"full", of(&TimeBin::handshakes_full)},
                    {"resumed", of(&TimeBin::handshakes_resumed)},
                    {"attacks started", of(&TimeBin::attacks)}});
}

/// One figure of the server's own account over time.
Series of_server(const Result& result, const std::string& key, std::string name) {
  Series series;
  series.name = std::move(name);
  for (const auto& point : result.server.points) {
    const auto found = point.values.find(key);
    series.x.push_back(point.t);
    series.y.push_back(found == point.values.end() ? 0 : found->second);
  }
  return series;
}

bool published(const Result& result, const std::string& key) {
  return std::ranges::any_of(result.server.points,
                             [&](const auto& point) { return point.values.contains(key); });
}

/// All of "cpu.*", one on top of the other; of a server that does not tell them apart, their sum.
Chart server_cpu(const Result& result) {
  constexpr std::string_view kPrefix = "cpu.";
  std::set<std::string> works;
  for (const auto& point : result.server.points)
    for (const auto& [name, value] : point.values)
      if (name.starts_with(kPrefix) && value > 0) works.insert(name);
  Chart chart;
  chart.title = works.empty() ? "The server's CPU" : "The server's CPU by work";
  chart.x_label = "seconds";
  chart.y_label = works.empty() ? "CPUs" : "CPUs, stacked";
  chart.stacked = !works.empty();
  for (const std::string& work : works) {
    std::string name = work.substr(kPrefix.size());
    std::ranges::replace(name, '_', ' ');
    chart.series.push_back(of_server(result, work, std::move(name)));
  }
  if (works.empty() && published(result, "cpu")) chart.series.push_back(of_server(result, "cpu", "all work"));
  return chart;
}

Chart server_sessions(const Result& result) {
  Chart chart;
  chart.title = "The server's sessions";
  chart.x_label = "seconds";
  chart.y_label = "sessions";
  for (const auto& [key, name] : {std::pair{"live", "live"}, {"budget", "budget"}})
    if (published(result, key)) chart.series.push_back(of_server(result, key, name));
  return chart;
}

/// Quantiles at even steps on the axis of 1 / (1 - quantile), as far as there are values to tell them.
Series distribution(const char* name, const Histogram& histogram) {
  Series series;
  series.name = name;
  const double end = static_cast<double>(histogram.count());
  for (double x = 1; x <= end; x *= 1.1) {
    series.x.push_back(x);
    series.y.push_back(std::chrono::duration<double, std::milli>(histogram.quantile(1 - 1 / x)).count());
  }
  series.x.push_back(std::max(end, 1.0) * 1.0001);
  series.y.push_back(std::chrono::duration<double, std::milli>(histogram.max()).count());
  return series;
}

Chart distributions(const Result& result) {
  const Tally all = result.measured();
  Chart chart;
  chart.title = "Distribution of latencies";
  chart.x_label = "share of all that took no longer";
  chart.y_label = "ms, logarithmic";
  chart.x_quantile = chart.y_log = true;
  const std::pair<Phase, const char*> phases[] = {{Phase::complete, "complete"},
                                                  {Phase::first_byte, "first byte"},
                                                  {Phase::handshake_full, "full handshake"},
                                                  {Phase::handshake_resumed, "resumed"},
                                                  {Phase::connect, "connect"}};
  for (const auto& [phase, name] : phases)
    if (const Histogram& histogram = all.latency[at(phase)]; !histogram.empty())
      chart.series.push_back(distribution(name, histogram));
  return chart;
}

Chart own_cpu(const Result& result) {
  return over_time(result, "The generator's CPU", "% of one CPU",
                   {{"busiest thread", [](const TimeBin& bin) { return 100 * bin.own_cpu; }}});
}

Chart own_lag(const Result& result) {
  return over_time(result, "The generator's lag", "ms",
                   {{"p99", [](const TimeBin& bin) { return bin.lag_p99_ms; }}});
}

}  // namespace

std::vector<Chart> run_charts(const Result& result) {
  std::vector<Chart> charts;
  for (const auto& make : {throughput, response_times, refusals, alive, requests, handshakes, server_cpu,
                           server_sessions, distributions, own_cpu, own_lag}) {
    Chart chart = make(result);
    if (!chart.series.empty()) charts.push_back(std::move(chart));
  }
  return charts;
}

}  // namespace sluice::loadgen::report
