#include <algorithm>
#include <cmath>

#include "loadgen/lab/cluster/cluster_figures.hpp"
#include "loadgen/lab/page_parts.hpp"
#include "loadgen/report/chart.hpp"
#include "loadgen/report/format.hpp"

namespace sluice::loadgen::lab {

namespace {

constexpr const char* kLegend =
    "Completed: sessions, of those that ended. Full: handshakes that did not resume, of all. Resumed: of the "
    "resumptions offered. CPU: of each member, of what it may use; then that of the busiest, and how many "
    "points "
    "the idlest is below it. Latency: of responses, in ms.";

/// A cell whose background is a bar: as long as the share, of 0 to 1.
std::string bar(double share, const std::string& text) {
  const std::string length = report::plain(std::round(100 * std::clamp(share, 0.0, 1.0))) + "%";
  return "<td style=\"background:linear-gradient(90deg,color-mix(in srgb,var(--c0) 28%,transparent) " +
         length + ",transparent " + length + ")\">" + text + "</td>";
}

std::string bar(double share) { return bar(share, report::percent(share)); }

/// The CPU of each member, as columns side by side.
std::string cpu_picture(const std::vector<double>& cpu, double cpus) {
  static constexpr int kHeight = 34, kWidth = 16, kGap = 4;
  std::string bars, words;
  int x = 0;
  for (const double used : cpu) {
    const double share = std::clamp(used / cpus, 0.0, 1.0);
    const int height = static_cast<int>(std::lround(share * kHeight));
    bars += "<rect x=\"" + std::to_string(x) + "\" y=\"0\" width=\"" + std::to_string(kWidth) +
            "\" height=\"" + std::to_string(kHeight) + "\" fill=\"var(--line)\"/><rect x=\"" +
            std::to_string(x) + "\" y=\"" + std::to_string(kHeight - height) + "\" width=\"" +
            std::to_string(kWidth) + "\" height=\"" + std::to_string(height) + "\" fill=\"var(--c0)\"/>";
    words += (words.empty() ? "" : ", ") + report::plain(std::round(100 * used / cpus));
    x += kWidth + kGap;
  }
  const std::string width = std::to_string(std::max(0, x - kGap));
  return "<td><svg role=\"img\" aria-label=\"CPU of the members: " + words + " percent\" width=\"" + width +
         "\" height=\"" + std::to_string(kHeight) + "\" viewBox=\"0 0 " + width + " " +
         std::to_string(kHeight) + "\"><title>" + words + " %</title>" + bars + "</svg></td>";
}

std::string row(const ClusterMeasurement& measurement, double cpus) {
  const ClusterFigures f = figures_of(measurement, cpus);
  const auto cell = [](const std::string& text) { return tag("td", text); };
  return tag("tr", tag("th", std::string(title_of(measurement.what.scheme))) +
                       cell(measurement.what.migration ? "with" : "without") + bar(f.completed_share) +
                       bar(f.full_share) + bar(f.resumed_share) + cpu_picture(measurement.cpu, cpus) +
                       cell(report::plain(std::round(100 * f.busiest))) +
                       cell(report::plain(std::round(100 * f.spread()))) + cell(report::number(f.p50_ms)) +
                       cell(report::number(f.p99_ms)) + cell(report::per_second(f.refused)) +
                       cell(report::per_second(f.abandoned)) +
                       (f.client_limited ? cell("client-limited") : ""));
}

std::string section(const ClusterFindings& findings, Clients clients) {
  std::string rows;
  double offered = 0;
  for (const ClusterMeasurement& measurement : findings.measurements) {
    if (measurement.what.clients != clients) continue;
    rows += row(measurement, findings.plan.cpus);
    offered = figures_of(measurement, findings.plan.cpus).offered;
  }
  if (rows.empty()) return "";
  return tag("h2", std::string(title_of(clients))) +
         tag("p", "Offered: " + report::plain(offered) + " sessions per second.") +
         "<div class=\"scroll\" "
         "style=\"max-height:none\"><table><thead><tr><th>balancer</th><th>migration</th>"
         "<th>completed</th><th>full</th><th>resumed</th><th>CPU</th><th>busiest</th><th>spread</th><th>p50</"
         "th>"
         "<th>p99</th><th>refused/s</th><th>abandoned/s</th></tr></thead><tbody>" +
         rows + "</tbody></table></div>";
}

std::string kind_text(const SessionKind& kind, double cpu_s) {
  return std::to_string(kind.requests) + " requests, each on a connection of its own, mean think time " +
         report::plain_seconds(kind.think_s) + ", " + report::plain(1000 * cpu_s) + " ms of CPU";
}

std::string circumstances_rows(const ClusterFindings& findings, const Circumstances& c) {
  const ClusterPlan& plan = findings.plan;
  return machine_facts(c) +
         fact("members", std::to_string(plan.members) + ", each with " + report::plain(plan.cpus) +
                             " of a CPU, in network namespaces of their own, with a copy of the shop each (" +
                             std::to_string(plan.shop_users) + " users, " + std::to_string(plan.shop_items) +
                             " items)") +
         fact("certificate, TLS, resumption",
              std::string(name_of(plan.certificate)) + ", TLS " + plan.tls + ", " + plan.resume) +
         fact("a session", kind_text(plan.light, findings.light_cpu_s)) +
         fact("a long session", kind_text(plan.heavy, findings.heavy_cpu_s)) +
         fact("offered", report::percent(plan.offered) +
                             " of the CPU of all members, as sessions cost when all is shared") +
         fact("client timeout", report::plain(plan.timeout_s) + " s") +
         fact("warm-up and window",
              report::plain(plan.warmup_s) + " s + " + report::plain(plan.window_s) + " s") +
         fact("seed", std::to_string(c.options.seed));
}

}  // namespace

std::string cluster_page(const ClusterFindings& findings, const Circumstances& circumstances) {
  const std::string title = "Lab: " + std::string(kClusterBalance);
  std::string body = tag("h1", title) + tag("p", escape_html(std::string(kClusterBalanceShows)) + ".");
  if (findings.stopped)
    body += tag("p", tag("strong", "It was stopped before its end; this is what there was."));
  body += list(conclusions_of(findings)) + list(findings.notes) + tag("p", kLegend);
  for (const Clients clients : {Clients::even, Clients::few, Clients::heavy})
    body += section(findings, clients);
  return render_page(title, body + how_measured(circumstances_rows(findings, circumstances),
                                                circumstances.options.command_line));
}

}  // namespace sluice::loadgen::lab
