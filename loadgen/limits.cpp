#include "loadgen/limits.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "loadgen/error.hpp"
#include "loadgen/profile.hpp"

namespace sluice::loadgen {
namespace {

using Value = std::optional<double>;

Value share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

Value per_second(std::uint64_t count, const Result& result) {
  if (result.window_s <= 0) return std::nullopt;
  return static_cast<double>(count) / result.window_s;
}

/// Requests that came to an end, good or bad.
std::uint64_t answered(const RequestTally& requests) { return requests.replies + requests.failed; }

std::uint64_t bad(const RequestTally& requests) {
  return requests.client_errors + requests.server_errors + requests.busy + requests.failed;
}

Value accepted_share(const ConnectionTally& connections) {
  std::uint64_t offered = 0, accepted = 0;
  for (const auto& version : connections.resumption)
    for (std::size_t offer = at(Offer::none) + 1; offer < kOfferNames.size(); ++offer) {
      offered += version.offered[offer];
      accepted += version.accepted[offer];
    }
  return share(accepted, offered);
}

constexpr std::array kMetrics{
    Metric{
        "session_ok", "sessions completed, share of those that ended (0 to 1)", true, true,
        [](const Result&, const Tally& all) { return share(all.sessions.completed, all.sessions.ended()); }},
    Metric{"completed_per_s", "sessions completed per second", false, true,
           [](const Result& r, const Tally&) { return per_second(r.window.sessions.completed, r); }},
    Metric{"started_per_s", "sessions started per second", false, true,
           [](const Result& r, const Tally&) { return per_second(r.window.sessions.started, r); }},
    Metric{"refused", "sessions refused before their first good reply, share of those refused or admitted",
           true, false,
           [](const Result&, const Tally& all) {
             return share(all.sessions.refused_total(), all.sessions.decided());
           }},
    Metric{"abandoned", "sessions given up after it, share of those abandoned or completed", true, false,
           [](const Result&, const Tally& all) {
             return share(all.sessions.abandoned_total(), all.sessions.admitted_ended());
           }},
    Metric{"replies_per_s", "complete replies of any status per second", false, true,
           [](const Result& r, const Tally&) { return per_second(r.window.requests.replies, r); }},
    Metric{"goodput_per_s", "good replies per second to sessions that completed", false, true,
           [](const Result& r, const Tally&) { return per_second(r.window.requests.goodput, r); }},
    Metric{"errors", "requests that failed or got a status of 400 or more, share of those that ended", true,
           false,
           [](const Result&, const Tally& all) { return share(bad(all.requests), answered(all.requests)); }},
    Metric{"busy", "requests answered 503 or 429, share of those that ended", true, false,
           [](const Result&, const Tally& all) { return share(all.requests.busy, answered(all.requests)); }},
    Metric{"handshakes_per_s", "TLS handshakes finished per second, full and resumed", false, true,
           [](const Result& r, const Tally&) {
             const ConnectionTally& connections = r.window.connections;
             return per_second(connections.handshakes_full + connections.handshakes_resumed, r);
           }},
    Metric{"resumed_accepted", "resumptions the server accepted, share of those offered", true, true,
           [](const Result&, const Tally& all) { return accepted_share(all.connections); }},
};

struct Alias {
  std::string_view name;
  Phase phase;
};
constexpr std::array<Alias, 8> kPhases{{{"connect", Phase::connect},
                                        {"handshake_full", Phase::handshake_full},
                                        {"full", Phase::handshake_full},
                                        {"handshake_resumed", Phase::handshake_resumed},
                                        {"resumed", Phase::handshake_resumed},
                                        {"first_byte", Phase::first_byte},
                                        {"complete", Phase::complete},
                                        {"response", Phase::complete}}};

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// "p99.9" -> 0.999
std::optional<double> quantile_of(std::string_view name) {
  if (!name.starts_with('p')) return std::nullopt;
  const auto percent = number(name.substr(1));
  if (!percent || *percent <= 0 || *percent >= 100) return std::nullopt;
  return *percent / 100;
}

bool is_latency(std::string_view name) { return name == "mean" || name == "max" || quantile_of(name); }

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw UsageError("limit \"" + std::string{text} + "\": " + why);
}

std::string metric_names() {
  std::string names;
  for (const Metric& metric : kMetrics) names.append(metric.name).append(", ");
  return names + "p50 to p99.9, mean or max of a phase, as p99(complete)";
}

std::string canonical_phase(std::string_view text, std::string_view phase) {
  const auto* known = std::ranges::find(kPhases, phase, &Alias::name);
  if (known == kPhases.end())
    refuse(text, "there is no phase \"" + std::string{phase} +
                     "\"; there are connect, full, resumed, first_byte and complete.");
  return std::string{kPhaseNames[at(known->phase)]};
}

/// What stands before the operator: "p99(complete)", "refused".
void parse_metric(Limit& limit, std::string_view text) {
  const auto open = text.find('(');
  limit.metric = trimmed(text.substr(0, open));
  if (is_latency(limit.metric)) {
    if (open != std::string_view::npos && !text.ends_with(')')) refuse(limit.text, "a \")\" is missing.");
    limit.phase = open == std::string_view::npos
                      ? "complete"
                      : canonical_phase(limit.text, trimmed(text.substr(open + 1, text.size() - open - 2)));
    return;
  }
  if (open != std::string_view::npos ||
      std::ranges::find(kMetrics, limit.metric, &Metric::name) == kMetrics.end())
    refuse(limit.text, "there is no figure \"" + std::string{text} + "\"; there are " + metric_names() + ".");
}

void parse_value(Limit& limit, std::string_view text) {
  if (!limit.phase.empty()) {
    const auto seconds = parse_duration(text);
    if (!seconds) refuse(limit.text, "\"" + std::string{text} + "\" is not a time such as 250ms or 2s.");
    limit.value = *seconds;
    return;
  }
  const bool percent = text.ends_with('%');
  const auto value = number(percent ? trimmed(text.substr(0, text.size() - 1)) : text);
  if (!value) refuse(limit.text, "\"" + std::string{text} + "\" is not a number.");
  limit.value = percent ? *value / 100 : *value;
  const auto* metric = std::ranges::find(kMetrics, limit.metric, &Metric::name);
  if (percent && !metric->share) refuse(limit.text, limit.metric + " is a rate per second, not a share.");
  if (metric->share && (limit.value < 0 || limit.value > 1))
    refuse(limit.text, limit.metric + " is a share from 0 to 1 (or 0% to 100%).");
}

Value latency(const Limit& limit, const Tally& measured) {
  const auto* phase = std::ranges::find(kPhaseNames, limit.phase);
  if (phase == kPhaseNames.end()) return std::nullopt;
  const Histogram& histogram = measured.latency[static_cast<std::size_t>(phase - kPhaseNames.begin())];
  if (histogram.empty()) return std::nullopt;
  const auto seconds = [](Histogram::Duration value) { return std::chrono::duration<double>(value).count(); };
  if (limit.metric == "mean") return seconds(histogram.mean());
  if (limit.metric == "max") return seconds(histogram.max());
  return seconds(histogram.quantile(quantile_of(limit.metric).value_or(1)));
}

bool holds(double actual, Limit::Op op, double wanted) {
  switch (op) {
    case Limit::Op::less: return actual < wanted;
    case Limit::Op::less_equal: return actual <= wanted;
    case Limit::Op::greater: return actual > wanted;
    case Limit::Op::greater_equal: return actual >= wanted;
  }
  return false;
}

}  // namespace

std::span<const Metric> metrics() noexcept { return kMetrics; }

Limit parse_limit(std::string_view text) {
  Limit limit;
  limit.text = trimmed(text);
  const std::string_view all = limit.text;
  const auto begin = all.find_first_of("<>");
  if (begin == std::string_view::npos)
    refuse(text, "it needs one of <, <=, > and >=, as in \"session_ok>=0.95\".");
  const bool equal = all.substr(begin + 1).starts_with('=');
  limit.op = all[begin] == '<' ? (equal ? Limit::Op::less_equal : Limit::Op::less)
                               : (equal ? Limit::Op::greater_equal : Limit::Op::greater);
  parse_metric(limit, trimmed(all.substr(0, begin)));
  parse_value(limit, trimmed(all.substr(begin + (equal ? 2 : 1))));
  return limit;
}

LimitOutcome evaluate(const Limit& limit, const Result& result) {
  const Tally measured = result.measured();
  const auto* metric = std::ranges::find(kMetrics, limit.metric, &Metric::name);
  const Value actual = metric != kMetrics.end() ? metric->value(result, measured) : latency(limit, measured);
  return {limit.text, actual.value_or(std::numeric_limits<double>::quiet_NaN()),
          actual && holds(*actual, limit.op, limit.value)};
}

std::string metric_help() {
  std::string help;
  for (const Metric& metric : kMetrics) {
    help.append(metric.name).append(20 - std::min<std::size_t>(metric.name.size(), 19), ' ');
    help.append(metric.help).append("\n");
  }
  return help +
         "p50 ... p99.9, mean, max   of a phase, in parentheses: p99(complete), mean(full); a time as 250ms\n"
         "  phases: connect, full and resumed (handshakes), first_byte, complete (also: response)\n";
}

}  // namespace sluice::loadgen
