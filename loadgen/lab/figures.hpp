#pragma once
#include <optional>
#include <string>
#include <vector>

#include "loadgen/lab/plan.hpp"
#include "loadgen/lab/saturation.hpp"
#include "loadgen/result.hpp"

/// What a lab found out, and the numbers its charts and tables show. Pure.
namespace sluice::loadgen::lab {

/// One run of the plan, done.
struct Measurement {
  Point point;
  double rate = 0;                     ///< New clients/s (of a profile its first rate); 0 with `resumption`.
  std::optional<double> server_cpu{};  ///< CPUs the server used over the window, as the kernel counts them.
  Result result{};
};

/// A search for the saturation rate, done. `given` when the user knew it.
struct Search {
  Capacity capacity{};
  bool given = false;
  std::vector<Probe> probes{};
  Saturation found{};
};

struct Findings {
  Plan plan{};
  std::vector<Search> searches{};
  std::vector<Measurement> measurements{};
  std::vector<std::string> notes{};  ///< What a reader must know about the conditions, a sentence each.
  bool stopped = false;              ///< Before its end.
};

/// Of one run. Rates are per second of the measured window.
struct Figures {
  double offered = 0;     ///< New clients.
  double throughput = 0;  ///< Good replies.
  double completed = 0;   ///< Sessions.
  double refused = 0, abandoned = 0;
  double mean_ms = 0, p99_ms = 0;  ///< Planned start to complete response, timeouts at their timeout.
  double handshakes = 0;
  double resumed_share = 0;         ///< Of the handshakes.
  double server_cpu = 0;            ///< CPUs; NaN when not known.
  double cpu_ms_per_handshake = 0;  ///< All its CPU by all handshakes: of use when it did nothing else.
  double cpu_ms_per_full = 0, cpu_ms_per_resumed = 0, cpu_ms_per_request = 0;  ///< NaN unless published.
  double attacks = 0;
  bool client_limited = false;
};
Figures figures_of(const Measurement& measurement);

/// Mean over repeats with its 95 % confidence interval (Student's t).
struct Mean {
  double value = 0;
  double half_width = 0;  ///< NaN with a single repeat.
};
Mean mean_of(const std::vector<double>& values);

/// The repeats of one variant at one x, in one line.
struct Row {
  std::size_t variant = 0, x = 0;
  double rate = 0;  ///< Mean over its repeats.
  std::vector<Figures> repeats;
  bool client_limited = false;  ///< Any of them.

  Mean mean(double Figures::*figure) const;
};
/// In the order of variants, then x. What was not measured is absent.
std::vector<Row> rows_of(const Findings& findings);

/// What the figures say, a sentence each: saturation rates, and what is left of the peak at the highest load.
std::vector<std::string> conclusions_of(const Findings& findings);

}  // namespace sluice::loadgen::lab
