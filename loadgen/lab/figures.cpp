#include "loadgen/lab/figures.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "loadgen/report/format.hpp"
#include "loadgen/report/student.hpp"

namespace sluice::loadgen::lab {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

double published(const ServerView& server, const std::string& figure) {
  const auto found = server.totals.find(figure);
  return found == server.totals.end() ? kUnknown : found->second;
}

/// What a variant keeps of its best when the load goes on growing: the question of the paper.
void conclude_sweep(const Findings& findings, std::vector<std::string>& said) {
  std::map<std::size_t, std::vector<Row>> by_variant;
  for (Row& row : rows_of(findings)) {
    if (!row.client_limited) by_variant[row.variant].push_back(std::move(row));
  }
  for (const auto& [variant, rows] : by_variant) {
    const auto completed = [](const Row& row) { return row.mean(&Figures::completed).value; };
    const auto best = std::max_element(
        rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return completed(a) < completed(b); });
    const Row& last = rows.back();
    if (completed(*best) <= 0 || rows.size() < 2) continue;
    std::string line = findings.plan.variants[variant].name + ": at most " + report::plain(completed(*best)) +
                       " completed sessions/s, at " + report::plain(best->rate) + " new clients/s";
    if (&*best == &last) {
      line += ", the highest load measured";
    } else {
      line += "; at " + report::plain(last.rate) + " (" + report::plain(findings.plan.xs[last.x]) +
              " times the saturation rate) " + report::plain(completed(last)) + ", which is " +
              report::percent(completed(last) / completed(*best)) + " of that";
    }
    said.push_back(line + ".");
  }
}

void conclude_attacks(const Findings& findings, std::vector<std::string>& said) {
  const auto rows = rows_of(findings);
  for (const Row& quiet : rows) {
    const Variant& base = findings.plan.variants[quiet.variant];
    const double completed = quiet.mean(&Figures::completed).value;
    if (!base.attack.empty() || completed <= 0) continue;
    for (const Row& row : rows) {
      const Variant& variant = findings.plan.variants[row.variant];
      if (variant.attack.empty() || variant.policy != base.policy ||
          capacity_of(variant) != capacity_of(base) || row.x != quiet.x) {
        continue;
      }
      said.push_back(
          variant.name + ": honest users complete " +
          report::percent(row.mean(&Figures::completed).value / completed) +
          " of the sessions they complete without an attack" +
          (row.client_limited || quiet.client_limited ? ", but the generator was at its limit." : "."));
    }
  }
}

}  // namespace

Figures figures_of(const Measurement& measurement) {
  const Result& result = measurement.result;
  const Tally& window = result.window;
  const double per_s = result.window_s > 0 ? 1 / result.window_s : 0;
  const auto rate = [&](std::uint64_t count) { return static_cast<double>(count) * per_s; };
  const ConnectionTally& connections = window.connections;
  const std::uint64_t handshakes = connections.handshakes_full + connections.handshakes_resumed;
  Figures figures;
  figures.offered = rate(window.sessions.started);
  figures.throughput = rate(window.requests.ok);
  figures.completed = rate(window.sessions.completed);
  figures.refused = rate(window.sessions.refused_total());
  figures.abandoned = rate(window.sessions.abandoned_total());
  const Tally measured = result.measured();
  const Histogram& complete = measured.latency[at(Phase::complete)];
  figures.mean_ms = complete.empty() ? kUnknown : report::milliseconds(complete.mean());
  figures.p99_ms = complete.empty() ? kUnknown : report::milliseconds(complete.quantile(0.99));
  figures.handshakes = rate(handshakes);
  figures.resumed_share =
      handshakes == 0 ? kUnknown
                      : static_cast<double>(connections.handshakes_resumed) / static_cast<double>(handshakes);
  figures.server_cpu = measurement.server_cpu.value_or(kUnknown);
  figures.cpu_ms_per_handshake = handshakes == 0 ? kUnknown : figures.server_cpu * 1000 / figures.handshakes;
  figures.cpu_ms_per_full = published(result.server, "cpu_ms_per_full_handshake");
  figures.cpu_ms_per_resumed = published(result.server, "cpu_ms_per_resumed_handshake");
  figures.cpu_ms_per_request = published(result.server, "cpu_ms_per_request");
  for (const AttackTally& attack : window.attacks) figures.attacks += rate(attack.started);
  figures.client_limited = result.verdict.kind == Verdict::Kind::client_limited;
  return figures;
}

Mean mean_of(const std::vector<double>& values) {
  if (values.empty()) return {kUnknown, kUnknown};
  const report::Sample sample = report::sample_of(values);
  return {sample.mean, report::half_width(sample)};
}

Mean Row::mean(double Figures::*figure) const {
  std::vector<double> values;
  for (const Figures& one : repeats) values.push_back(one.*figure);
  return mean_of(values);
}

std::vector<Row> rows_of(const Findings& findings) {
  std::map<std::pair<std::size_t, std::size_t>, Row> rows;
  for (const Measurement& measurement : findings.measurements) {
    const Point& point = measurement.point;
    Row& row = rows[{point.variant, point.x}];
    row.variant = point.variant;
    row.x = point.x;
    row.repeats.push_back(figures_of(measurement));
    row.rate += (measurement.rate - row.rate) / static_cast<double>(row.repeats.size());
    row.client_limited = row.client_limited || row.repeats.back().client_limited;
  }
  std::vector<Row> ordered;
  for (auto& [key, row] : rows) ordered.push_back(std::move(row));
  return ordered;
}

std::vector<std::string> conclusions_of(const Findings& findings) {
  std::vector<std::string> said;
  for (const Search& search : findings.searches) {
    std::string line = "With " + report::plain(search.capacity.processors) + " CPU and " +
                       std::string(name_of(search.capacity.certificate)) + ", the server saturates at " +
                       report::plain(search.found.rate) + " new clients/s";
    if (search.given) line += " (given, not searched for)";
    if (search.found.client_limited)
      line += " or so: the generator was the limit, it is an estimate from the CPU used";
    if (!search.given && !search.found.client_limited && !search.found.bracketed)
      line += " (not bracketed by probes)";
    said.push_back(line + ".");
  }
  const Kind kind = findings.plan.experiment.kind;
  if (kind == Kind::saturation || kind == Kind::keepalive) conclude_sweep(findings, said);
  if (kind == Kind::attacks) conclude_attacks(findings, said);
  return said;
}

}  // namespace sluice::loadgen::lab
