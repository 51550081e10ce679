#pragma once
#include <string>
#include <vector>

#include "base/histogram.hpp"

/// What came out of a simulation, second by second.
namespace sluice::tools {

/// Counts and CPU seconds are those of the second; the rest is as at its end.
struct Second {
  double t = 0;  ///< Its end.
  double visitors = 0, attempts = 0, admitted = 0, refused = 0, dropped = 0;
  double completed = 0, abandoned = 0, shed = 0, requests = 0;
  double cpu_useful = 0;  ///< Handshakes and requests of those who still waited for the answer.
  double cpu_wasted = 0;  ///< The same, of those who had gone.
  double cpu_refusals = 0;
  double cpus = 0;
  double p99_s = 0;   ///< Of the answers of this second.
  double inside = 0;  ///< Sessions that really are under way.
  double live = 0;    ///< Sessions that the server believes to be.
  double sessions_max = 0, rate = 0, session_cpu = 0, entry_s = 0, trim = 0, run_delay_min_s = 0;
  double required = 0;
};

std::string csv(const std::vector<Second>& seconds);

/// Visitors and their fates; a visitor has exactly one.
struct Fates {
  double visitors = 0, attempts = 0, refusals = 0, dropped = 0;
  double turned_away = 0;  ///< Refused and came back no more.
  double gave_up = 0;      ///< Waited in vain to be let in.
  double admitted = 0;
  double completed = 0;
  double abandoned = 0;  ///< Admitted, but an answer came too late.
  double shed = 0;       ///< Admitted, and sent away by the server afterwards.
  double outside = 0;    ///< Not admitted yet, at the end.
  double inside = 0;     ///< Admitted and still there, at the end.
};

/// The time between two changes of the load or the machine.
struct Phase {
  double begins_s = 0, ends_s = 0;
  double offered = 0, admitted = 0, completed = 0, lost = 0;  ///< Per second; lost: abandoned or shed.
  double capacity = 0;                                        ///< Sessions per second.
  double useful = 0;                                          ///< Share of the CPUs.
  double p99_s = 0;                                           ///< Worst second after the answers settled.
  double settled_s = 0;  ///< From its beginning until useful work keeps within a tenth of its final level.
  double answers_s = 0;  ///< Until no second's p99 is above 300 ms any more.
};

struct Result {
  Fates all{};       ///< From beginning to end.
  Fates measured{};  ///< Without the warm-up; `outside` and `inside` are 0.
  double measured_s = 0;
  double capacity = 0;  ///< Sessions per second, mean over the measured time.
  double cpu_s = 0;     ///< CPU seconds that there were in the measured time.
  double cpu_useful = 0, cpu_wasted = 0, cpu_refusals = 0;
  Histogram responses;  ///< Of admitted sessions, the wait at the gate included. Too late ones are in it.
  Histogram entries;    ///< Of those the first request, from connecting to its answer.
  std::vector<Second> seconds;
  std::vector<Phase> phases;
  std::uint64_t events = 0;
};

/// Cuts the series at `changes` (seconds, ascending).
std::vector<Phase> phases_of(const std::vector<Second>& seconds, const std::vector<double>& changes);

}  // namespace sluice::tools
