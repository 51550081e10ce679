#include "tests/unit/loadgen_report/sample.hpp"

#include <cmath>

#include "loadgen/limits.hpp"

namespace sluice::loadgen {
namespace {

using std::chrono::microseconds;

/// `count` values between `low_ms` and far above it, log-uniform with a long tail.
void fill(Histogram& histogram, unsigned count, double low_ms, double spread) {
  for (unsigned i = 0; i < count; ++i) {
    const double u = (i + 0.5) / count;
    const double ms = low_ms * std::exp(spread * u * u) / std::sqrt(std::sqrt(1 - u));
    histogram.record(microseconds{static_cast<std::int64_t>(ms * 1000)});
  }
}

Setup setup(const char* mode, unsigned seconds) {
  Setup s;
  s.version = "0.1.0";
  s.target = "https://127.0.0.1:8443";
  s.mode = mode;
  s.load = "40 new clients/s, Poisson";
  s.model = "default";
  s.think = "exp:7s,max=70s";
  s.tls = "1.3, X25519";
  s.resume = "per-user";
  s.retry = "browser";
  s.started_at = "2025-01-02T03:04:05Z";
  s.label = "step";
  s.timeout_s = 10;
  s.warmup_s = 5;
  s.duration_s = seconds;
  s.offered_per_s = 40;
  s.seed = 18446744073709551615ULL;
  s.threads = 1;
  return s;
}

TimeBin bin_at(unsigned second, unsigned seconds, unsigned part) {
  TimeBin bin;
  const bool crowded = second * 3 >= seconds && second * 3 < seconds * 2;
  const unsigned wobble = (second * 7 + part * 3) % 5;
  bin.t = second;
  bin.planned = crowded ? 80 : 40;
  bin.started = bin.planned - (wobble == 2 ? 1 : 0);
  bin.refused_503 = crowded ? 20 + wobble : 0;
  bin.refused_rst = crowded ? 12 + wobble / 2 : 0;
  bin.refused_timeout = crowded ? wobble : 0;
  bin.refused_alert = second == seconds / 2 ? 3 : 0;
  bin.admitted = bin.started - bin.refused_503 - bin.refused_rst - bin.refused_timeout - bin.refused_alert;
  bin.completed = second < seconds / 8 ? second : 32 + wobble;
  bin.abandoned = crowded ? wobble : 0;
  bin.requests = 420 + 10 * wobble;
  bin.replies = bin.requests - wobble;
  bin.errors = bin.refused_503;
  bin.handshakes_full = bin.admitted;
  bin.handshakes_resumed = 100 + wobble;
  bin.bytes_received = bin.replies * 9000;
  bin.attacks = crowded ? 100 : 0;
  bin.live_sessions = 800 + (crowded ? 300 : 0) + 10 * wobble;
  bin.in_flight = crowded ? 60 + wobble : 4 + wobble;
  bin.connections = bin.live_sessions / 2;
  bin.p50_ms = crowded ? 80 + wobble : 4 + 0.2 * wobble;
  bin.mean_ms = bin.p50_ms * 1.4;
  bin.p95_ms = bin.p50_ms * 6;
  bin.p99_ms = bin.p50_ms * 15 + (crowded ? 800 : 0);
  bin.lag_p99_ms = 0.1 + 0.02 * wobble;
  bin.own_cpu = crowded ? 0.4 : 0.2;
  return bin;
}

void fill_connections(ConnectionTally& c) {
  c.attempted = 9000;
  c.established = 8990;
  c.handshakes_full = 1700;
  c.handshakes_resumed = 6800;
  c.handshakes_failed = 490;
  c.wasted_full = 40;
  c.wasted_resumed = 90;
  c.closed_idle = 6900;
  c.closed_by_us = 1400;
  c.resumption[1].offered[at(Offer::none)] = 1650;
  c.resumption[1].offered[at(Offer::psk)] = 6900;
  c.resumption[1].accepted[at(Offer::psk)] = 6800;
  c.resumption[1].declined[at(Offer::psk)] = 50;
  c.resumption[0].offered[at(Offer::ticket)] = 3;
  c.resumption[0].declined[at(Offer::ticket)] = 3;
}

void fill_requests(RequestTally& r) {
  r.sent = 25'000;
  r.replies = 24'800;
  r.ok = 24'000;
  r.client_errors = 12;
  r.server_errors = 8;
  r.busy = 780;
  r.failed = 190;
  r.resent = 7;
  r.redirects = 300;
  r.pages_error = 5;
  r.pages_sorry = 9;
  r.goodput = 21'000;
  r.wasted = 1'500;
  r.bytes_sent = 5'000'000;
  r.bytes_received = 230'000'000;
  r.body_bytes = 225'000'000;
}

Tally window_of(const std::vector<TimeBin>& series, double warmup_s) {
  Tally tally;
  SessionTally& s = tally.sessions;
  for (const TimeBin& bin : series) {
    if (bin.t < warmup_s) continue;
    s.started += bin.started;
    s.admitted += bin.admitted;
    s.completed += bin.completed;
    s.refused[at(Cause::http_503)] += bin.refused_503;
    s.refused[at(Cause::rst)] += bin.refused_rst;
    s.refused[at(Cause::timeout)] += bin.refused_timeout;
    s.refused[at(Cause::alert)] += bin.refused_alert;
    s.abandoned[at(Step::first_byte)][at(Cause::timeout)] += bin.abandoned;
  }
  s.abandoned[at(Step::handshake)][at(Cause::rst)] = 4;
  s.unfinished = 20;
  s.attempts = 26'000;
  s.retries = 700;
  fill(s.time_to_refusal[at(Cause::http_503)], 400, 3, 2);
  fill(s.time_to_refusal[at(Cause::rst)], 240, 0.4, 1);
  s.time_to_refusal[at(Cause::timeout)].record(std::chrono::seconds{10}, 40);
  fill(s.duration, 900, 4000, 3);
  fill_requests(tally.requests);
  fill_connections(tally.connections);
  fill(tally.latency[at(Phase::connect)], 9000, 0.05, 1);
  fill(tally.latency[at(Phase::handshake_full)], 1700, 2, 2);
  fill(tally.latency[at(Phase::handshake_resumed)], 6800, 0.6, 2);
  fill(tally.latency[at(Phase::first_byte)], 24'000, 2.5, 3.5);
  fill(tally.latency[at(Phase::complete)], 24'800, 3, 3.5);
  tally.latency[at(Phase::complete)].record(std::chrono::seconds{10}, 190);
  fill(tally.lag, 26'000, 0.02, 1);
  return tally;
}

ServerView server_of(const std::vector<TimeBin>& series) {
  ServerView server;
  server.url = "http://127.0.0.1:9100/metrics";
  server.scrapes_failed = 1;
  for (const TimeBin& bin : series) {
    const double wobble = 0.01 * static_cast<double>(bin.replies % 7);
    const double work = bin.planned > 40 ? 1.6 : 1.0;
    server.points.push_back({bin.t,
                             {{"cpu.full", 0.3 * work + wobble},
                              {"cpu.resumed", 0.1 * work},
                              {"cpu.requests", 0.5 * work - wobble},
                              {"cpu.other", 0.1},
                              {"budget", 45 - 20 * wobble},
                              {"processors", 2}}});
  }
  server.totals = {{"cpu_ms_per_full_handshake", 1.62},
                   {"cpu_ms_per_resumed_handshake", 0.21},
                   {"cpu_ms_per_request", 0.48},
                   {"cpu_used", 1.31},
                   {"cpus_available", 2},
                   {"processors", 2},
                   {"budget", 44.2},
                   {"handshakes_full", 1740}};
  return server;
}

void fill_states(Result& result) {
  result.setup.states = {"Home", "Browse", "SearchItemsInCategory", "ViewItem"};
  for (unsigned i = 0; i < 4; ++i) {
    StateTally state;
    state.replies = 1000 * (i + 1);
    state.errors = i;
    fill(state.complete, 200 * (i + 1), 2 + i, 3);
    result.window.states.push_back(state);
  }
}

}  // namespace

Result sample_sessions(unsigned seconds, unsigned part) {
  Result result;
  result.setup = setup("sessions", seconds);
  result.setup.load = "step 40/20s, step 80/20s, step 40/20s, Poisson";
  result.setup.attack = "forged-ticket 100/s";
  result.setup.seed -= part;
  for (unsigned second = 0; second < seconds; ++second)
    result.series.push_back(bin_at(second, seconds, part));
  result.window_s = seconds - result.setup.warmup_s;
  result.window = window_of(result.series, result.setup.warmup_s);
  fill_states(result);
  result.setup.offered_per_s = static_cast<double>(result.window.sessions.started) / result.window_s * 1.004;
  AttackTally& forged = result.window.attacks[at(AttackKind::forged_ticket)];
  forged.started = 2000;
  forged.handshakes = 1900;
  forged.alert = 60;
  forged.rst = 40;
  result.warmup.sessions.started = 200;
  result.warmup.sessions.completed = 10;
  result.warmup.requests.sent = 900;
  result.tail.sessions.completed = 15;
  result.tail.sessions.abandoned[at(Step::body)][at(Cause::timeout)] = 2;
  result.tail.requests.replies = 30;
  result.tail.requests.ok = 30;
  fill(result.tail.latency[at(Phase::complete)], 30, 4, 2);
  result.server = server_of(result.series);
  result.verdict = {Verdict::Kind::valid,
                    {"The generator kept up: its busiest thread needed 40 % of a CPU.",
                     "The server used 66 % of its CPU and refused or lost 1,000 sessions."},
                    0.4,
                    0.3};
  for (const char* text : {"session_ok>=0.95", "refused<=0.9", "mean(first_byte)<10s"})
    result.limits.push_back(evaluate(parse_limit(text), result));
  return result;
}

Result sample_requests() {
  Result result;
  result.setup = setup("requests", 10);
  result.setup.load = "16 connections, closed loop";
  result.setup.model = "/hello";
  result.setup.think = "0";
  result.setup.retry = "none";
  result.setup.offered_per_s = 0;
  result.setup.states = {"/hello"};
  result.window_s = 5;
  fill_requests(result.window.requests);
  result.window.requests.goodput = result.window.requests.wasted = 0;
  fill(result.window.latency[at(Phase::complete)], 24'800, 0.2, 2);
  result.window.connections.attempted = result.window.connections.established = 16;
  result.window.connections.handshakes_full = 16;
  result.verdict = {Verdict::Kind::client_limited, {"The busiest thread needed 97 % of a CPU."}, 0.97, 0.2};
  for (unsigned second = 0; second < 10; ++second) {
    TimeBin bin = bin_at(second, 10, 0);
    bin.planned = bin.started = bin.admitted = bin.completed = bin.live_sessions = bin.attacks = 0;
    bin.refused_503 = bin.refused_rst = bin.refused_timeout = bin.refused_alert = bin.abandoned = 0;
    result.series.push_back(bin);
  }
  return result;
}

Result sample_handshakes() {
  Result result;
  result.setup = setup("handshakes", 10);
  result.setup.load = "300 connections/s, Poisson";
  result.setup.model = result.setup.think = "";
  result.setup.retry = "none";
  result.setup.offered_per_s = 300;
  result.window_s = 5;
  fill_connections(result.window.connections);
  fill(result.window.latency[at(Phase::connect)], 9000, 0.05, 1);
  fill(result.window.latency[at(Phase::handshake_full)], 1700, 2, 2);
  fill(result.window.latency[at(Phase::handshake_resumed)], 6800, 0.6, 2);
  result.verdict.reasons = {"The generator kept up."};
  for (unsigned second = 0; second < 10; ++second) {
    TimeBin bin;
    bin.t = second;
    bin.planned = 300;
    bin.handshakes_full = 200 + second;
    bin.handshakes_resumed = 95;
    bin.connections = 3;
    result.series.push_back(bin);
  }
  return result;
}

}  // namespace sluice::loadgen
