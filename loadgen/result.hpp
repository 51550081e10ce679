#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "loadgen/tally.hpp"

/// The outcome of a run: everything that reports, thresholds, merge and compare work on. Plain data.
namespace sluice::loadgen {

/// What was asked for, as text where only people read it.
struct Setup {
  std::string version;     ///< Of sluice-load.
  std::string target;      ///< https://host:port
  std::string mode;        ///< "sessions", "requests" or "handshakes".
  std::string load;        ///< "40 new clients/s, Poisson", "step 10/60s, ramp ...", "200 users", ...
  std::string model;       ///< "default", "browse", a file's name, or paths.
  std::string think;       ///< "exp:7s,max=70s", ...
  std::string tls;         ///< "1.3, TLS_AES_128_GCM_SHA256, X25519", or "default".
  std::string resume;      ///< "per-user", ...
  std::string retry;       ///< "none", "browser", ...
  std::string attack;      ///< "forged-ticket 100/s", or empty.
  std::string started_at;  ///< UTC, ISO 8601.
  std::string label;       ///< Given by the user, for comparisons.
  double timeout_s = 0;
  double warmup_s = 0;
  double duration_s = 0;     ///< Arrivals stop after it; includes the warm-up.
  double offered_per_s = 0;  ///< Mean planned rate over the measured window; 0 in a closed loop.
  std::uint64_t seed = 0;
  unsigned threads = 1;
  unsigned generators = 1;          ///< How many results were merged into this one.
  std::vector<std::string> states;  ///< Names, in the order of `Tally::states`.
};

/// One second of the run.
struct TimeBin {
  double t = 0;               ///< Start, seconds since the run began.
  std::uint64_t planned = 0;  ///< Arrivals the schedule wanted (open loop).
  std::uint64_t started = 0, admitted = 0, completed = 0, abandoned = 0;  ///< Sessions.
  std::uint64_t refused_rst = 0, refused_fin = 0, refused_alert = 0, refused_503 = 0, refused_timeout = 0,
                refused_other = 0;
  std::uint64_t requests = 0, replies = 0, errors = 0;
  std::uint64_t handshakes_full = 0, handshakes_resumed = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t attacks = 0;
  std::uint64_t live_sessions = 0, in_flight = 0, connections = 0;  ///< At its end.
  double mean_ms = 0, p50_ms = 0, p95_ms = 0,
         p99_ms = 0;  ///< Of `complete`, timeouts included; 0 where there was nothing.
  double lag_p99_ms = 0;
  double own_cpu = 0;  ///< Share of one CPU that the busiest thread used or waited for, 0 to 1.

  /// Sessions, of all kinds.
  std::uint64_t refused() const noexcept {
    return refused_rst + refused_fin + refused_alert + refused_503 + refused_timeout + refused_other;
  }
};

/// The server's own account, scraped from `--metrics` on the same clock.
struct ServerView {
  /// One scrape, already differences per second where the metric is a counter.
  struct Point {
    double t = 0;
    std::map<std::string, double>
        values;  ///< "cpu.full", "cpu.requests", "budget", "live", "processors", ...
  };
  std::string url;
  std::uint64_t scrapes_failed = 0;
  std::vector<Point> points;
  /// Over the measured window: "cpu_ms_per_full_handshake", "cpu_ms_per_resumed_handshake",
  /// "cpu_ms_per_request", "cpu_used" (CPUs), "cpus_available", "processors", "budget", "handshakes_full",
  /// ... A figure the server does not publish is absent.
  std::map<std::string, double> totals;

  bool asked() const noexcept { return !url.empty(); }
};

struct Verdict {
  enum class Kind { valid, client_limited, server_not_saturated };
  Kind kind = Kind::valid;
  std::vector<std::string> reasons;  ///< A sentence each.
  double own_cpu = 0;                ///< Busiest thread, share of one CPU over the window.
  double lag_p99_ms = 0;
};

/// A `--limit` and how it went.
struct LimitOutcome {
  std::string text;
  double actual = 0;
  bool ok = false;
};

struct Result {
  Setup setup;
  /// From the end of the warm-up to the end of the arrivals. Rates are this divided by `window_s`.
  Tally window;
  double window_s = 0;
  /// Before the window, and after it while requests in flight came to their end.
  Tally warmup, tail;
  std::vector<TimeBin> series;
  ServerView server;
  Verdict verdict;
  std::vector<LimitOutcome> limits;

  /// What was measured: the window and the end of what began in it. Percentiles and shares come from here.
  Tally measured() const;
  /// Everything that went over the wire: what a server's own log has to agree with.
  Tally whole() const;
};

}  // namespace sluice::loadgen
