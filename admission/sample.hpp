#pragma once
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the sensors saw in one control period, over all processors: the whole input of a controller.
namespace sluice::admission {

/// Counts and CPU seconds are those of the period; the rest is as it was at its end. CPU seconds of a kind of
/// work contain the kernel's part and its share of the event loop.
struct Sample {
  double elapsed_s = 0;  ///< Wall time of the period.
  double cpus = 1;       ///< What the process may use: affinity, quota, less steal ("A" of the paper).

  double cpu_full = 0;      ///< Full handshakes, failed ones included.
  double cpu_resumed = 0;   ///< Resumed handshakes.
  double cpu_requests = 0;  ///< Requests of sessions.
  double cpu_refusals = 0;  ///< Telling newcomers to go away.
  double cpu_other = 0;     ///< The rest of the process: database writer, passwords, logs, timers.

  double offered = 0;   ///< Newcomers that asked to come in.
  double resuming = 0;  ///< Connections whose ticket or session ID was ours.
  double admitted = 0;  ///< Newcomers that got a grant.
  double refused = 0;   ///< Newcomers that got none.
  double full = 0;      ///< Full handshakes that ended, one way or the other.
  double resumed = 0;   ///< Resumed handshakes that ended.
  double requests = 0;  ///< Requests answered.
  double returns = 0;   ///< Those of them that came after a pause, i.e. all but the first of a session.
  /// Over the returns: how many of them would have come had each been answered within the response target, as
  /// demand_of() weighs each.
  double demand = 0;
  double pause_s = 0;  ///< Sum of the pauses, each weighted as in `demand`.

  double live = 0;      ///< Sessions seen lately.
  double departed = 0;  ///< Sessions that went out of sight, less those that came back.

  /// Smallest wait of a ready event for its thread: a standing queue. Where handshakes come behind requests,
  /// the larger of the two smallest: a queue of those alone is how a machine with too many sessions shows it.
  double run_delay_min_s = 0;
  double run_delay_mean_s = 0;  ///< Mean of the same.
  double backlog_s = 0;         ///< What new work for the application's own threads would wait.
  double in_flight = 0;         ///< Requests being worked on.
  double in_flight_max =
      0;  ///< Most that may be, while something other than the CPU is slow; 0: no bound now.

  /// Whole connections that ended, for the paper's costs: CPU from accept to close, by how they began.
  double connections_new = 0, cpu_connections_new = 0;
  double connections_resumed = 0, cpu_connections_resumed = 0;

  double cpu_total() const noexcept {
    return cpu_full + cpu_resumed + cpu_requests + cpu_refusals + cpu_other;
  }
  bool operator==(const Sample&) const = default;
};

/// Returns of a session after which it is taken for one that goes on for ever, as a crawler does.
inline constexpr double kEndlessReturns = 20;

/// What the `returns`-th return of a session counts in `Sample::demand`: 1 from a person who thinks; from a
/// program that waits for nothing but the answer R / target, since it will have as many answers as there are.
/// A short visit without pauses counts in full: its requests come to the same number however slow each is.
/// `pause_s` is the mean pause of the session, not the one before this return: the short ones among a
/// person's pauses would else weigh far too much (the mean of 1/z is not 1 over the mean).
constexpr double demand_of(double pause_s, double response_s, double target_s, double returns) noexcept {
  const double weight = (pause_s + response_s) / (pause_s + target_s);
  return returns < kEndlessReturns && weight < 1 ? 1 : weight;
}

/// Samples as CSV (RFC 4180, without quotes): a header line with the names above, then a line each.
std::string csv_header();
std::string csv_line(const Sample& sample);

/// A file that was read, or why it can't be: "line 3: 24 fields, expected 25".
struct SampleFile {
  std::vector<Sample> samples{};
  std::string problem{};
};
/// Columns are found by name, in any order; one that is unknown or missing is a problem. At most `lines_max`
/// lines.
SampleFile read_csv(std::istream& in, std::size_t lines_max = 10'000'000);

}  // namespace sluice::admission
