#include "loadgen/report/sections.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "loadgen/report/format.hpp"
#include "loadgen/report/section_tables.hpp"

namespace sluice::loadgen::report {
namespace {

double rate(std::uint64_t value, const Result& result) {
  return result.window_s > 0 ? static_cast<double>(value) / result.window_s : 0;
}

KeyFigure latency_figure(const Tally& measured, Phase phase, double quantile, std::string name) {
  const Histogram& histogram = measured.latency[at(phase)];
  if (histogram.empty()) return {"-", "ms", std::move(name), ""};
  return {ms(histogram.quantile(quantile)), "ms", std::move(name),
          quantile == 0.5 ? "mean " + ms(histogram.mean()) + " ms" : ""};
}

std::string offered_note(const Result& result) {
  return result.setup.offered_per_s > 0 ? "of " + number(result.setup.offered_per_s) + " offered" : "";
}

std::vector<KeyFigure> session_figures(const Result& result, const Tally& all) {
  const SessionTally& s = all.sessions;
  return {{per_second(rate(result.window.sessions.started, result)), "/s", "sessions started",
           offered_note(result)},
          {per_second(rate(result.window.sessions.completed, result)), "/s", "sessions completed",
           percent(s.completed, s.ended()) + " of those that ended"},
          {percent(s.refused_total(), s.decided()), "", "refused", counted(s.refused_total(), "session")},
          {percent(s.abandoned_total(), s.admitted_ended()), "", "abandoned",
           counted(s.abandoned_total(), "session")},
          latency_figure(all, Phase::complete, 0.5, "response time p50"),
          latency_figure(all, Phase::complete, 0.99, "response time p99"),
          {per_second(rate(result.window.requests.goodput, result)), "/s", "goodput",
           "good replies to sessions that completed"}};
}

std::vector<KeyFigure> request_figures(const Result& result, const Tally& all) {
  const RequestTally& r = all.requests;
  const std::uint64_t ended = r.replies + r.failed;
  return {
      {per_second(rate(result.window.requests.replies, result)), "/s", "replies", offered_note(result)},
      {percent(ended - std::min(ended, r.ok), ended), "", "errors", counted(r.failed, "request") + " failed"},
      latency_figure(all, Phase::complete, 0.5, "response time p50"),
      latency_figure(all, Phase::complete, 0.99, "response time p99"),
      latency_figure(all, Phase::complete, 0.999, "response time p99.9"),
      {bytes(rate(result.window.requests.bytes_received, result)), "/s", "received", ""}};
}

std::vector<KeyFigure> handshake_figures(const Result& result, const Tally& all) {
  const ConnectionTally& c = result.window.connections;
  std::vector<KeyFigure> figures{{per_second(rate(c.handshakes_full + c.handshakes_resumed, result)), "/s",
                                  "handshakes", offered_note(result)},
                                 {count(all.connections.handshakes_failed), "", "failed", ""}};
  for (const auto& [phase, name] :
       {std::pair{Phase::handshake_full, "full"}, std::pair{Phase::handshake_resumed, "resumed"}})
    if (!all.latency[at(phase)].empty())
      for (const double q : {0.5, 0.99})
        figures.push_back(latency_figure(all, phase, q, std::string{name} + (q < 0.9 ? " p50" : " p99")));
  return figures;
}

}  // namespace

std::string_view verdict_word(Verdict::Kind kind) noexcept {
  switch (kind) {
    case Verdict::Kind::valid: return "VALID";
    case Verdict::Kind::client_limited: return "CLIENT-LIMITED";
    case Verdict::Kind::server_not_saturated: return "SERVER-NOT-SATURATED";
  }
  return "";
}

std::string_view verdict_meaning(Verdict::Kind kind) noexcept {
  switch (kind) {
    case Verdict::Kind::valid: return "The figures are the server's.";
    case Verdict::Kind::client_limited:
      return "The generator was the limit: the figures are not the server's.";
    case Verdict::Kind::server_not_saturated: return "The figures are right, but the server can take more.";
  }
  return "";
}

std::vector<std::string> verdict_lines(const Result& result) {
  std::vector<std::string> lines = result.verdict.reasons;
  const auto missed = static_cast<std::uint64_t>(
      std::ranges::count_if(result.limits, [](const LimitOutcome& limit) { return !limit.ok; }));
  if (missed > 0)
    lines.push_back(count(missed) + " of " + counted(result.limits.size(), "limit") +
                    (missed == 1 ? " was missed." : " were missed."));
  return lines;
}

Unit unit_of(const Result& result) noexcept {
  if (result.setup.mode == "requests") return Unit::request;
  if (result.setup.mode == "handshakes") return Unit::handshake;
  return Unit::session;
}

std::vector<KeyFigure> key_figures(const Result& result) {
  const Tally all = result.measured();
  switch (unit_of(result)) {
    case Unit::request: return request_figures(result, all);
    case Unit::handshake: return handshake_figures(result, all);
    case Unit::session: break;
  }
  return session_figures(result, all);
}

std::vector<Table> tables(const Result& result) {
  const Tally all = result.measured();
  std::vector<Table> filled;
  for (const auto& make : {run_table, load_table, sessions_table, refusals_table, abandonments_table,
                           work_table, latency_table, handshakes_table, resumption_table, attacks_table,
                           server_table, states_table, limits_table, repeat_table}) {
    Table table = make(result, all);
    if (!table.rows.empty()) filled.push_back(std::move(table));
  }
  return filled;
}

}  // namespace sluice::loadgen::report
