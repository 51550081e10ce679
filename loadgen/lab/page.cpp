#include "loadgen/lab/page.hpp"

#include <cmath>
#include <map>
#include <set>

#include "loadgen/lab/page_parts.hpp"
#include "loadgen/report/chart.hpp"
#include "loadgen/report/format.hpp"

namespace sluice::loadgen::lab {

namespace {

struct Column {
  const char* title;
  double Figures::*figure;
};

constexpr Column kColumns[] = {
    {"new clients/s", &Figures::offered},
    {"good replies/s", &Figures::throughput},
    {"completed/s", &Figures::completed},
    {"refused/s", &Figures::refused},
    {"abandoned/s", &Figures::abandoned},
    {"mean ms", &Figures::mean_ms},
    {"p99 ms", &Figures::p99_ms},
    {"handshakes/s", &Figures::handshakes},
    {"resumed share", &Figures::resumed_share},
    {"attacks/s", &Figures::attacks},
    {"server CPUs", &Figures::server_cpu},
    {"CPU ms/full", &Figures::cpu_ms_per_full},
    {"CPU ms/resumed", &Figures::cpu_ms_per_resumed},
    {"CPU ms/request", &Figures::cpu_ms_per_request},
};

constexpr const char* kHollow =
    "Hollow points are not to be trusted: there the generator itself was the limit.";

/// A figure of all variants against the load (with `resumption`, against the share that resumes).
std::string sweep_chart(const Findings& findings, const std::string& title, const std::string& y_label,
                        double Figures::*figure) {
  const bool shares = !findings.plan.needs_saturation();
  Chart chart;
  chart.title = title;
  chart.x_label = shares ? "share of connections that offer to resume" : "new clients/s";
  chart.y_label = y_label;
  std::map<std::size_t, Series> by_variant;
  bool hollow = false;
  for (const Row& row : rows_of(findings)) {
    Series& series = by_variant[row.variant];
    series.name = findings.plan.variants[row.variant].name;
    series.dots = true;
    series.x.push_back(shares ? findings.plan.xs[row.x] : row.rate);
    series.y.push_back(row.mean(figure).value);
    series.hollow.push_back(row.client_limited);
    hollow = hollow || row.client_limited;
  }
  for (auto& [variant, series] : by_variant) chart.series.push_back(std::move(series));
  if (hollow) chart.note = kHollow;
  return render_chart(chart);
}

/// A figure of the first repeat of all variants over time.
template <class Value>
std::string time_chart(const Findings& findings, const std::string& title, const std::string& y_label,
                       bool with_offered, Value value) {
  Chart chart;
  chart.title = title;
  chart.x_label = "seconds";
  chart.y_label = y_label;
  std::set<double> loads;
  std::vector<Series> offers;  // after the variants, whose colours are those of the other charts then
  std::string limited;
  for (const Measurement& measurement : findings.measurements) {
    if (measurement.point.repeat != 0 || measurement.point.x != 0) continue;
    Series series, offered;
    series.name = findings.plan.variants[measurement.point.variant].name;
    offered.name = "offered: " + measurement.result.setup.load;
    offered.dashed = true;
    for (const TimeBin& bin : measurement.result.series) {
      series.x.push_back(bin.t);
      series.y.push_back(value(bin));
      offered.x.push_back(bin.t);
      offered.y.push_back(static_cast<double>(bin.planned));
    }
    // The same for all variants with the same saturation rate.
    if (with_offered && loads.insert(measurement.rate).second) offers.push_back(std::move(offered));
    if (measurement.result.verdict.kind == Verdict::Kind::client_limited)
      limited += (limited.empty() ? "" : "; ") + series.name;
    chart.series.push_back(std::move(series));
  }
  for (Series& offered : offers) chart.series.push_back(std::move(offered));
  if (!limited.empty())
    chart.note = "Not to be trusted, as the generator itself was at its limit: " + limited + ".";
  return render_chart(chart);
}

std::string time_charts(const Findings& findings) {
  const auto lost = [](const TimeBin& bin) { return static_cast<double>(bin.abandoned + bin.refused()); };
  const bool attacks = findings.plan.experiment.kind == Kind::attacks;
  return time_chart(findings, "Completed sessions", "sessions/s", !attacks,
                    [](const TimeBin& bin) { return static_cast<double>(bin.completed); }) +
         time_chart(findings, "Mean response time", "ms", false,
                    [](const TimeBin& bin) { return bin.mean_ms > 0 ? bin.mean_ms : NAN; }) +
         time_chart(findings, "Sessions refused or abandoned", "sessions/s", false, lost) +
         time_chart(findings, "Sessions under way", "sessions", false,
                    [](const TimeBin& bin) { return static_cast<double>(bin.live_sessions); });
}

std::string charts(const Findings& findings) {
  switch (findings.plan.experiment.kind) {
    case Kind::step:
    case Kind::ramp:
    case Kind::attacks: return time_charts(findings);
    case Kind::resumption:
      return sweep_chart(findings, "Handshakes", "handshakes/s", &Figures::handshakes) +
             sweep_chart(findings, "CPU time of the server per handshake", "ms",
                         &Figures::cpu_ms_per_handshake);
    case Kind::saturation:
    case Kind::keepalive: break;
  }
  return sweep_chart(findings, "Throughput", "good replies/s", &Figures::throughput) +
         sweep_chart(findings, "Mean response time", "ms", &Figures::mean_ms) +
         sweep_chart(findings, "Completed sessions", "sessions/s", &Figures::completed) +
         sweep_chart(findings, "99th percentile of the response time", "ms", &Figures::p99_ms) +
         sweep_chart(findings, "Sessions abandoned", "sessions/s", &Figures::abandoned) +
         sweep_chart(findings, "Sessions refused", "sessions/s", &Figures::refused) +
         sweep_chart(findings, "Share of handshakes that resume", "share", &Figures::resumed_share) +
         sweep_chart(findings, "CPU used by the server", "CPUs", &Figures::server_cpu);
}

std::string table_of_points(const Findings& findings) {
  std::string head = "<th>variant</th><th>x</th><th>repeats</th>";
  for (const Column& column : kColumns) head += tag("th", column.title);
  std::string body;
  for (const Row& row : rows_of(findings)) {
    std::string cells = tag("td", escape_html(findings.plan.variants[row.variant].name)) +
                        tag("td", report::plain(findings.plan.xs[row.x])) +
                        tag("td", std::to_string(row.repeats.size()));
    for (const Column& column : kColumns) {
      const Mean mean = row.mean(column.figure);
      cells += tag("td", report::plain(mean.value) +
                             (std::isnan(mean.half_width) ? "" : " ± " + report::plain(mean.half_width)));
    }
    body += tag("tr", cells + tag("td", row.client_limited ? "client-limited" : ""));
  }
  return "<h2>All points</h2><p>Means over the repeats, with their 95 % confidence intervals; x is the "
         "multiple of the saturation rate, or the share that offers to resume.</p><div "
         "style=\"overflow-x:auto\">"
         "<table><thead><tr>" +
         head + "<th></th></tr></thead><tbody>" + body + "</tbody></table></div>";
}

std::string circumstances_table(const Findings& findings, const Circumstances& c) {
  const Conditions& conditions = findings.plan.conditions;
  const bool sessions = findings.plan.needs_saturation();
  std::string settings;
  for (const std::string& setting : c.options.settings) settings += (settings.empty() ? "" : ", ") + setting;
  std::string rows =
      machine_facts(c) + fact("model", c.options.model) + fact("think time", conditions.think) +
      fact("requests per session", conditions.session_length) +
      fact("client timeout", report::plain(conditions.timeout_s) + " s") +
      fact("warm-up and window",
           report::plain(conditions.warmup_s) + " s + " + report::plain(conditions.window_s) + " s") +
      fact("shop", std::to_string(conditions.shop_users) + " users, " +
                       std::to_string(conditions.shop_items) + " items") +
      fact("TLS", c.options.tls.empty() ? "default" : c.options.tls) +
      fact("resumption", !sessions                  ? "as each point says"
                         : c.options.resume.empty() ? "per-user"
                                                    : c.options.resume) +
      fact("further settings of the server", settings) + fact("seed", std::to_string(c.options.seed));
  return how_measured(rows, c.options.command_line);
}

}  // namespace

std::string lab_page(const Findings& findings, const Circumstances& circumstances) {
  const std::string title = "Lab: " + std::string(findings.plan.experiment.name);
  std::string body =
      tag("h1", title) + tag("p", escape_html(std::string(findings.plan.experiment.shows)) + ".");
  if (findings.stopped)
    body += tag("p", tag("strong", "It was stopped before its end; this is what there was."));
  body += list(conclusions_of(findings));
  auto notes = findings.notes;
  if (!findings.plan.conditions.costs.empty()) notes.push_back(findings.plan.conditions.costs);
  if (!findings.plan.conditions.scaling.empty()) notes.push_back(findings.plan.conditions.scaling);
  body += list(notes);
  if (!findings.measurements.empty()) body += charts(findings) + table_of_points(findings);
  return render_page(title, body + circumstances_table(findings, circumstances));
}

}  // namespace sluice::loadgen::lab
