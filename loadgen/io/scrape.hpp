#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loadgen/result.hpp"

/// The server's own account of what it does, on our clock.
namespace sluice::loadgen {

/// One scrape: "name{label="value",...}" with the labels as the server wrote them -> value.
using Samples = std::map<std::string, double>;

/// Prometheus' text format, version 0.0.4. The page is foreign: lines that are no sample, values that are no
/// finite number, names with labels of more than `kSampleNameMax` bytes and everything behind
/// `kMetricLinesMax` lines are skipped. Of a name that comes twice the last value counts.
Samples parse_metrics(std::string_view text);
inline constexpr std::size_t kSampleNameMax = 1024;
inline constexpr std::size_t kMetricLinesMax = 50'000;

/// Whether `view_of` makes anything of the sample of this name; others need not be kept.
bool understood(std::string_view sample_name) noexcept;

/// Turns scrapes (seconds since the run began, ascending) into what reports show. Pure. Understands Sluice's
/// metrics and the standard `process_cpu_seconds_total`; of another server it shows what has the same names.
///
/// Points, one a scrape. Per second since the scrape before: "cpu" (CPUs in use), "cpu.<work>" (of these, by
/// work), "handshakes.full", "handshakes.resumed", "requests", "accepted" (connections),
/// "admission.<class>.<decision>". As of the scrape: "connections" (open), "budget", "live" (sessions),
/// "processors", "cpus_available". A counter that went backwards tells that the server was restarted: that
/// interval has no rates. Only the ledger of work, an estimate, may go back a little.
///
/// Totals, over the intervals with their middle in the window. Sums: "handshakes_full", "handshakes_resumed",
/// "requests", "admission.<class>.<decision>". Means: "cpu_used" (CPUs), "cpu_used.<work>", "budget", "live",
/// "processors", "cpus_available". Costs, in milliseconds of CPU: "cpu_ms_per_full_handshake",
/// "cpu_ms_per_resumed_handshake", and "cpu_ms_per_request" by the server's own ledger of work; where it has
/// none, all its CPU divided by requests, unless handshakes (1 % of requests and more) would blur it.
ServerView view_of(const std::vector<std::pair<double, Samples>>& scrapes, double window_begin,
                   double window_end);

/// A thread that fetches `url` once a second, from construction to `finish()`. A scrape's time is the middle
/// of its fetch. The body is bounded to 4 MB, a fetch to one second.
class Scraper {
 public:
  /// Throws UsageError unless `url` is http://host[:port]/path: the metrics of a server are for its own
  /// network, and TLS there would be counted as load. Throws RunError when the first fetch fails: a wrong
  /// address should not be found out after an hour.
  explicit Scraper(const std::string& url);
  ~Scraper();
  /// Scrapes once more, ends the thread and tells what was seen. Window in seconds since `run_start`. Once.
  ServerView finish(std::chrono::steady_clock::time_point run_start, double window_begin, double window_end);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::loadgen
