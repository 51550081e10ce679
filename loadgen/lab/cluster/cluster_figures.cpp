#include "loadgen/lab/cluster/cluster_figures.hpp"

#include <algorithm>
#include <cmath>

#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>

#include "loadgen/lab/page_parts.hpp"
#include "loadgen/report/format.hpp"
#include "loadgen/report/json.hpp"

namespace sluice::loadgen::lab {

namespace {

namespace json = boost::json;

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// Smallest and largest of a figure among cases that `wanted`.
struct Range {
  double least = 0, most = 0;
  bool any = false;
};
template <class Wanted, class Value>
Range range_of(const ClusterFindings& findings, Wanted wanted, Value value) {
  Range range;
  for (const ClusterMeasurement& measurement : findings.measurements) {
    if (!wanted(measurement.what)) continue;
    const double v = value(figures_of(measurement, findings.plan.cpus));
    range = {.least = range.any ? std::min(range.least, v) : v,
             .most = range.any ? std::max(range.most, v) : v,
             .any = true};
  }
  return range;
}

std::string between(const Range& range) {
  const std::string least = report::percent(range.least), most = report::percent(range.most);
  return least == most ? most : least + " to " + most;
}

json::object case_json(const ClusterMeasurement& measurement, double cpus) {
  const ClusterFigures f = figures_of(measurement, cpus);
  json::array results;
  for (const Result& result : measurement.results) results.push_back(to_json(result));
  return {{"scheme", name_of(measurement.what.scheme)},
          {"migration", measurement.what.migration},
          {"clients", title_of(measurement.what.clients)},
          {"cpu", json::value_from(measurement.cpu)},
          {"offered_per_s", f.offered},
          {"completed_per_s", f.completed},
          {"completed_share", f.completed_share},
          {"refused_per_s", f.refused},
          {"abandoned_per_s", f.abandoned},
          {"full_handshake_share", f.full_share},
          {"resumed_share", f.resumed_share},
          {"busiest", f.busiest},
          {"idlest", f.idlest},
          {"p50_ms", f.p50_ms},
          {"p99_ms", f.p99_ms},
          {"results", std::move(results)}};
}

}  // namespace

ClusterFigures figures_of(const ClusterMeasurement& measurement, double cpus) {
  ClusterFigures f;
  Tally all;
  double window_s = 0;
  std::uint64_t started = 0, completed = 0, refused = 0, abandoned = 0;
  for (const Result& result : measurement.results) {
    all.add(result.measured());
    window_s = std::max(window_s, result.window_s);
    started += result.window.sessions.started;
    completed += result.window.sessions.completed;
    refused += result.window.sessions.refused_total();
    abandoned += result.window.sessions.abandoned_total();
    f.client_limited = f.client_limited || result.verdict.kind == Verdict::Kind::client_limited;
  }
  if (window_s > 0) {
    f.offered = static_cast<double>(started) / window_s;
    f.completed = static_cast<double>(completed) / window_s;
    f.refused = static_cast<double>(refused) / window_s;
    f.abandoned = static_cast<double>(abandoned) / window_s;
  }
  f.completed_share = share(completed, completed + refused + abandoned);
  const ConnectionTally& connections = all.connections;
  f.full_share =
      share(connections.handshakes_full, connections.handshakes_full + connections.handshakes_resumed);
  std::uint64_t offered = 0, accepted = 0;
  for (const ResumptionTally& version : connections.resumption)
    for (std::size_t kind = 1; kind < version.offered.size(); ++kind)
      offered += version.offered[kind], accepted += version.accepted[kind];
  f.resumed_share = share(accepted, offered);
  for (const double cpu : measurement.cpu) f.busiest = std::max(f.busiest, cpu / cpus);
  f.idlest = f.busiest;
  for (const double cpu : measurement.cpu) f.idlest = std::min(f.idlest, cpu / cpus);
  const Histogram& complete = all.latency[static_cast<std::size_t>(Phase::complete)];
  f.p50_ms = report::milliseconds(complete.quantile(0.5));
  f.p99_ms = report::milliseconds(complete.quantile(0.99));
  return f;
}

std::vector<std::string> conclusions_of(const ClusterFindings& findings) {
  std::vector<std::string> lines;
  for (const bool migration : {false, true}) {
    const auto such = [&](const ClusterCase& c) { return c.migration == migration; };
    const Range resumed = range_of(findings, such, [](const ClusterFigures& f) { return f.resumed_share; });
    if (!resumed.any) continue;
    const Range completed =
        range_of(findings, such, [](const ClusterFigures& f) { return f.completed_share; });
    const Range spread = range_of(findings, such, [](const ClusterFigures& f) { return f.spread(); });
    lines.push_back(std::string(migration ? "With" : "Without") +
                    " session migration, over all balancers and clients: " + between(resumed) +
                    " of the offered resumptions accepted, " + between(completed) +
                    " of the sessions completed, the busiest member " +
                    report::plain(std::round(100 * spread.least)) + " to " +
                    report::plain(std::round(100 * spread.most)) + " points of CPU above the idlest.");
  }
  return lines;
}

json::object cluster_json(const ClusterFindings& findings, const Circumstances& circumstances) {
  json::array cases;
  for (const ClusterMeasurement& measurement : findings.measurements)
    cases.push_back(case_json(measurement, findings.plan.cpus));
  const ClusterPlan& plan = findings.plan;
  return {{"schema", kClusterLabSchema},
          {"experiment", kClusterBalance},
          {"command_line", circumstances.options.command_line},
          {"server", circumstances.server_version},
          {"machine", machine_json(circumstances.machine)},
          {"members", plan.members},
          {"cpus_of_each", plan.cpus},
          {"offered_share", plan.offered},
          {"light_session_cpu_s", findings.light_cpu_s},
          {"heavy_session_cpu_s", findings.heavy_cpu_s},
          {"warmup_s", plan.warmup_s},
          {"window_s", plan.window_s},
          {"notes", json::value_from(findings.notes)},
          {"stopped", findings.stopped},
          {"cases", std::move(cases)}};
}

}  // namespace sluice::loadgen::lab
