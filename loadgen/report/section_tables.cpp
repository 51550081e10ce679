#include "loadgen/report/section_tables.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "loadgen/limits.hpp"
#include "loadgen/report/format.hpp"

namespace sluice::loadgen::report {
namespace {

constexpr std::array<std::string_view, kCauseNames.size()> kCauseTexts{
    "timeout",     "connection reset", "connection closed",     "TLS alert",
    "503 or 429",  "no good reply",    "TLS error on our side", "not HTTP/1.1",
    "unreachable", "no port of ours",  "no descriptor of ours"};
constexpr std::array<std::string_view, kStepNames.size()> kStepTexts{
    "connecting", "TLS handshake", "waiting for the reply", "reading the reply"};
constexpr std::array<std::string_view, kPhaseNames.size()> kPhaseTexts{
    "connect", "handshake, full", "handshake, resumed", "first byte", "complete"};
constexpr std::array<std::string_view, 2> kTlsTexts{"TLS 1.2", "TLS 1.3"};
constexpr std::array<std::string_view, kOfferNames.size()> kOfferTexts{"nothing", "session ID", "ticket",
                                                                       "PSK"};

std::string rate(std::uint64_t value, const Result& result) {
  return result.window_s > 0 ? per_second(static_cast<double>(value) / result.window_s) : "-";
}

std::vector<std::string> spread(const Histogram& h) {
  return {ms(h.quantile(0.5)),   ms(h.quantile(0.9)), ms(h.quantile(0.95)), ms(h.quantile(0.99)),
          ms(h.quantile(0.999)), ms(h.max()),         ms(h.mean())};
}

std::vector<std::string> row(std::string name, const std::vector<std::string>& cells) {
  std::vector<std::string> all{std::move(name)};
  all.insert(all.end(), cells.begin(), cells.end());
  return all;
}

/// Columns from `first` on in which nothing but zero stands.
void drop_zero_columns(Table& table, std::size_t first) {
  for (std::size_t column = table.columns.size(); column-- > first;) {
    if (!std::ranges::all_of(table.rows, [&](const auto& cells) { return cells[column] == "0"; })) continue;
    table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(column));
    for (auto& cells : table.rows) cells.erase(cells.begin() + static_cast<std::ptrdiff_t>(column));
  }
}

struct Started {
  const char* noun;
  std::uint64_t in_window, in_all;
};
Started started(const Result& result) {
  const Tally all = result.whole();
  switch (unit_of(result)) {
    case Unit::request: return {"requests", result.window.requests.sent, all.requests.sent};
    case Unit::handshake:
      return {"connections", result.window.connections.attempted, all.connections.attempted};
    case Unit::session: break;
  }
  return {"sessions", result.window.sessions.started, all.sessions.started};
}

/// Arrivals of the whole run that the schedule wanted and nobody made.
std::uint64_t never_started(const Result& result, std::uint64_t started_in_all) {
  std::uint64_t planned = 0;
  for (const TimeBin& bin : result.series) planned += bin.planned;
  return planned > started_in_all ? planned - started_in_all : 0;
}

}  // namespace

Table run_table(const Result& result, const Tally&) {
  const Setup& s = result.setup;
  Table table{"Run", "", {}, {}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) table.rows.push_back({name, value});
  };
  add("target", s.target);
  add("label", s.label);
  add("load", s.load.empty() ? s.mode : s.load);
  std::string time = seconds(s.duration_s);
  if (s.warmup_s > 0) time += ", of which the first " + seconds(s.warmup_s) + " are not measured";
  add("duration", time);
  if (unit_of(result) == Unit::session) {
    add("model", s.model);
    add("think time", s.think);
    add("retry", s.retry == "none" ? "" : s.retry);
  } else {
    add("paths", s.model);
  }
  add("TLS", s.tls + (s.resume.empty() ? "" : "; resume " + s.resume));
  if (s.timeout_s > 0) add("timeout", seconds(s.timeout_s));
  add("attack", s.attack);
  if (s.generators > 1) add("generators", count(s.generators));
  return table;
}

Table load_table(const Result& result, const Tally&) {
  const auto [noun, in_window, in_all] = started(result);
  Table table{
      "Load", "In the measured window of " + seconds(result.window_s) + ".", {"", "count", "per s"}, {}};
  if (in_window == 0 && result.setup.offered_per_s == 0) return table;
  const double offered = result.setup.offered_per_s * result.window_s;
  if (offered > 0)
    table.rows.push_back(
        {std::string{noun} + " offered", number(offered), per_second(result.setup.offered_per_s)});
  table.rows.push_back({std::string{noun} + " started", count(in_window), rate(in_window, result)});
  if (offered > 0) {
    table.columns.emplace_back("of offered");
    table.rows.front().emplace_back("");
    table.rows.back().push_back(percent(static_cast<double>(in_window) / offered));
  }
  if (const std::uint64_t missing = never_started(result, in_all); missing > 0)
    table.rows.push_back({std::string{noun} + " never started, in the whole run", count(missing), ""});
  return table;
}

Table sessions_table(const Result& result, const Tally& all) {
  const SessionTally& s = all.sessions;
  const SessionTally& window = result.window.sessions;
  Table table{"Sessions",
              "Counts with the end of what began in the window; rates of the window.",
              {"", "count", "per s", "share", "of"},
              {}};
  if (unit_of(result) != Unit::session || s.started + s.ended() + s.unfinished == 0) return table;
  const auto add = [&](const char* name, std::uint64_t n, std::uint64_t in_window, std::uint64_t whole,
                       const char* of) {
    table.rows.push_back({name, count(n), rate(in_window, result), percent(n, whole), of});
  };
  add("admitted", s.admitted, window.admitted, s.decided(), "refused or admitted");
  add("completed", s.completed, window.completed, s.ended(), "ended");
  add("refused", s.refused_total(), window.refused_total(), s.decided(), "refused or admitted");
  add("abandoned", s.abandoned_total(), window.abandoned_total(), s.admitted_ended(),
      "abandoned or completed");
  const SessionTally whole = result.whole().sessions;
  if (whole.unfinished > 0)
    table.rows.push_back({"unfinished at the end", count(whole.unfinished), "",
                          percent(whole.unfinished, whole.started), "started in the whole run"});
  if (!s.duration.empty()) {
    const auto at_share = [&](double q) {
      return seconds(std::chrono::duration<double>(s.duration.quantile(q)).count());
    };
    table.note += " A completed session took " + at_share(0.5) + " (p50), " + at_share(0.99) + " (p99).";
  }
  return table;
}

Table refusals_table(const Result& result, const Tally& all) {
  Table table{"Refused, by kind",
              "Time from the planned start of the session to its giving up.",
              {"", "sessions", "of refused or admitted", "p50 ms", "p99 ms", "max ms"},
              {}};
  if (unit_of(result) != Unit::session) return table;
  for (std::size_t cause = 0; cause < kCauseNames.size(); ++cause) {
    const std::uint64_t n = all.sessions.refused[cause];
    if (n == 0) continue;
    const Histogram& time = all.sessions.time_to_refusal[cause];
    std::vector<std::string> cells{std::string{kCauseTexts[cause]}, count(n),
                                   percent(n, all.sessions.decided())};
    for (const auto value : {time.quantile(0.5), time.quantile(0.99), time.max()})
      cells.push_back(time.empty() ? "-" : ms(value));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

Table abandonments_table(const Result& result, const Tally& all) {
  Table table{"Abandoned, by phase and cause", "", {"", "sessions", "of abandoned or completed"}, {}};
  if (unit_of(result) != Unit::session) return table;
  for (std::size_t step = 0; step < kStepNames.size(); ++step)
    for (std::size_t cause = 0; cause < kCauseNames.size(); ++cause)
      if (const std::uint64_t n = all.sessions.abandoned[step][cause]; n > 0)
        table.rows.push_back({std::string{kStepTexts[step]} + ": " + std::string{kCauseTexts[cause]},
                              count(n), percent(n, all.sessions.admitted_ended())});
  return table;
}

Table work_table(const Result& result, const Tally& all) {
  const RequestTally& r = all.requests;
  const RequestTally& window = result.window.requests;
  Table table{"Requests", "", {"", "count", "per s", "of ended"}, {}};
  if (r.sent + r.replies + r.failed == 0) return table;
  const auto add = [&](const char* name, std::uint64_t n, std::uint64_t in_window, bool share = true) {
    if (n > 0)
      table.rows.push_back({name, count(n), rate(in_window, result),
                            share ? percent(n, r.replies + r.failed) : std::string{}});
  };
  add("sent", r.sent, window.sent, false);
  add("replies", r.replies, window.replies);
  add("good (below 400)", r.ok, window.ok);
  add("goodput: for completed sessions", r.goodput, window.goodput);
  add("wasted: for abandoned sessions", r.wasted, window.wasted);
  add("busy (503, 429)", r.busy, window.busy);
  add("client errors (other 4xx)", r.client_errors, window.client_errors);
  add("server errors (other 5xx)", r.server_errors, window.server_errors);
  add("failed: no complete reply", r.failed, window.failed);
  add("pages with ERROR", r.pages_error, window.pages_error);
  add("pages with Sorry", r.pages_sorry, window.pages_sorry);
  add("sent again, connection had closed", r.resent, window.resent, false);
  add("retries of refused clients", all.sessions.retries, result.window.sessions.retries, false);
  add("images", r.images, window.images, false);
  add("redirects followed", r.redirects, window.redirects, false);
  if (r.bytes_received > 0 && result.window_s > 0)
    table.note = "Received " + bytes(static_cast<double>(r.bytes_received)) + ", " +
                 bytes(static_cast<double>(window.bytes_received) / result.window_s) + "/s.";
  return table;
}

Table latency_table(const Result&, const Tally& all) {
  Table table{"Latency in ms", "", {"", "count", "p50", "p90", "p95", "p99", "p99.9", "max", "mean"}, {}};
  const auto add = [&](std::string_view name, const Histogram& histogram) {
    if (histogram.empty()) return;
    auto cells = spread(histogram);
    cells.insert(cells.begin(), count(histogram.count()));
    table.rows.push_back(row(std::string{name}, cells));
  };
  for (std::size_t phase = 0; phase < kPhaseNames.size(); ++phase)
    add(kPhaseTexts[phase], all.latency[phase]);
  if (!all.latency[at(Phase::complete)].empty())
    table.note = "First byte and complete count from the planned start of the request.";
  if (!table.rows.empty()) add("own lag", all.lag);
  return table;
}

Table handshakes_table(const Result& result, const Tally& all) {
  const ConnectionTally& c = all.connections;
  const ConnectionTally& window = result.window.connections;
  Table table{"Connections", "", {"", "count", "per s"}, {}};
  const auto add = [&](const char* name, std::uint64_t n, std::uint64_t in_window) {
    if (n > 0) table.rows.push_back({name, count(n), rate(in_window, result)});
  };
  add("attempted", c.attempted, window.attempted);
  add("established", c.established, window.established);
  add("full handshakes", c.handshakes_full, window.handshakes_full);
  add("resumed handshakes", c.handshakes_resumed, window.handshakes_resumed);
  add("failed handshakes", c.handshakes_failed, window.handshakes_failed);
  add("wasted full ones (session abandoned)", c.wasted_full, window.wasted_full);
  add("wasted resumed ones", c.wasted_resumed, window.wasted_resumed);
  add("closed by the server while idle", c.closed_idle, window.closed_idle);
  add("closed by the client at its end", c.closed_by_us, window.closed_by_us);
  return table;
}

Table resumption_table(const Result&, const Tally& all) {
  Table table{"Resumption, as read off the wire",
              "",
              {"offered", "hellos", "accepted", "declined", "share accepted"},
              {}};
  for (std::size_t version = 0; version < kTlsTexts.size(); ++version) {
    const ResumptionTally& r = all.connections.resumption[version];
    for (std::size_t offer = 0; offer < kOfferNames.size(); ++offer) {
      if (r.offered[offer] == 0) continue;
      const std::string name = std::string{kTlsTexts[version]} + ", " + std::string{kOfferTexts[offer]};
      if (offer == at(Offer::none))
        table.rows.push_back({name, count(r.offered[offer]), "", "", ""});
      else
        table.rows.push_back({name, count(r.offered[offer]), count(r.accepted[offer]),
                              count(r.declined[offer]), percent(r.accepted[offer], r.offered[offer])});
    }
  }
  return table;
}

Table attacks_table(const Result&, const Tally& all) {
  Table table{
      "Attacks",
      "Answered: the server sent its handshake flight, which the attacker did not finish.",
      {"", "started", "handshakes", "resumed", "answered", "alert", "reset", "closed", "held", "no connect"},
      {}};
  for (std::size_t kind = 0; kind < kAttackNames.size(); ++kind) {
    const AttackTally& a = all.attacks[kind];
    if (a.started == 0) continue;
    std::vector<std::string> cells;
    for (const auto n :
         {a.started, a.handshakes, a.resumed, a.answered, a.alert, a.rst, a.fin, a.held, a.failed})
      cells.push_back(count(n));
    table.rows.push_back(row(std::string{kAttackNames[kind]}, cells));
  }
  drop_zero_columns(table, 3);
  return table;
}

Table server_table(const Result& result, const Tally&) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kKnown{
      {{"cpu_used", "CPUs used"},
       {"cpus_available", "CPUs available"},
       {"processors", "HTTP processors"},
       {"budget", "budget of full handshakes"},
       {"cpu_ms_per_full_handshake", "CPU per full handshake, ms"},
       {"cpu_ms_per_resumed_handshake", "CPU per resumed handshake, ms"},
       {"cpu_ms_per_request", "CPU per request, ms"}}};
  Table table{"The server's own account", "", {}, {}};
  if (!result.server.asked()) return table;
  const auto& totals = result.server.totals;
  for (const auto& [name, text] : kKnown)
    if (const auto found = totals.find(std::string{name}); found != totals.end())
      table.rows.push_back({std::string{text}, number(found->second)});
  for (const auto& [name, value] : totals) {
    if (std::ranges::find(kKnown, name, [](const auto& known) { return known.first; }) != kKnown.end())
      continue;
    std::string words = name;
    std::ranges::replace(words, '_', ' ');
    table.rows.push_back({std::move(words), number(value)});
  }
  table.note = "Scraped from " + result.server.url;
  if (result.server.scrapes_failed > 0)
    table.note += "; " + counted(result.server.scrapes_failed, "scrape") + " failed";
  if (totals.empty()) table.rows.push_back({"published none of the figures known here", ""});
  return table;
}

Table states_table(const Result& result, const Tally& all) {
  Table table{unit_of(result) == Unit::request ? "By path" : "By page of the model",
              "Latency in ms.",
              {"", "replies", "errors", "p50", "p90", "p95", "p99", "p99.9", "max", "mean"},
              {},
              true};
  for (std::size_t i = 0; i < std::min(all.states.size(), result.setup.states.size()); ++i) {
    const StateTally& state = all.states[i];
    if (state.replies + state.errors == 0) continue;
    auto cells = spread(state.complete);
    cells.insert(cells.begin(), {count(state.replies), count(state.errors)});
    table.rows.push_back(row(result.setup.states[i], cells));
  }
  return table;
}

Table limits_table(const Result& result, const Tally&) {
  Table table{"Limits", "", {"", "measured", ""}, {}};
  for (const LimitOutcome& limit : result.limits) {
    std::string actual = std::isfinite(limit.actual) ? seconds(limit.actual) : "nothing to measure";
    for (const Metric& metric : metrics())
      if (limit.text.starts_with(metric.name) && std::isfinite(limit.actual))
        actual = metric.share ? percent(limit.actual) : number(limit.actual) + "/s";
    table.rows.push_back({limit.text, std::move(actual), limit.ok ? "met" : "MISSED"});
  }
  return table;
}

Table repeat_table(const Result& result, const Tally&) {
  // No single command repeats what several generators did.
  const bool alone = result.setup.generators <= 1;
  Table table{alone ? "Repeat" : "When", "", {}, {}};
  if (alone)
    table.rows.push_back({"with", "--seed " + std::to_string(result.setup.seed) +
                                      " and the same options: the same clients at the same instants"});
  std::string when = result.setup.started_at;
  if (!result.setup.version.empty())
    when += (when.empty() ? "" : ", ") + ("sluice-load " + result.setup.version);
  if (!when.empty()) table.rows.push_back({"measured", when});
  return table;
}

}  // namespace sluice::loadgen::report
