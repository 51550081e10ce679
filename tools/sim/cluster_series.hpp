#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "tools/sim/cluster_scenario.hpp"

/// What came out of the simulation of a cluster.
namespace sluice::tools {

/// Visitors and their fates; a visitor has exactly one.
struct ClusterFates {
  double visitors = 0;
  double turned_away = 0;   ///< Refused.
  double gave_up = 0;       ///< Waited in vain to be let in.
  double lost_outside = 0;  ///< Not admitted yet when a member that they went through was lost.
  double outside = 0;       ///< Not admitted yet, at the end.
  double admitted = 0;
  double completed = 0;
  double abandoned = 0;    ///< Admitted, but an answer came too late.
  double shed = 0;         ///< Admitted, and sent away by the server afterwards.
  double lost_inside = 0;  ///< Admitted when a member that they went through was lost.
  double inside = 0;       ///< Admitted and still there, at the end.
  // What befell some of them on the way:
  double relayed = 0;          ///< Newcomers that a member passed on to another one.
  double relayed_served = 0;   ///< Of those the completed.
  double relayed_refused = 0;  ///< Of those whom the other one had no room for after all.
  double in_vain = 0;          ///< Passed on to a member that could not be reached.
};

/// Counts are those of the second, the rest is as at its end. CPU is a share of a member's CPUs.
struct ClusterSecond {
  double t = 0;  ///< Its end.
  double visitors = 0, admitted = 0, completed = 0, refused = 0, lost = 0;
  double relayed = 0, relayed_refused = 0, in_vain = 0;
  double cpu_min = 0, cpu_median = 0, cpu_max = 0, cpu_mean = 0;  ///< Over the members.
  double cpu_spread = 0;  ///< From the 5th to the 95th percentile of the members, smoothed over seconds.
  double p99_s = 0;       ///< Of answers.
};

std::string csv(const std::vector<ClusterSecond>& seconds);

/// Time between two changes.
struct ClusterPhase {
  double begins_s = 0, ends_s = 0;
  double offered = 0, completed = 0, lost = 0, relayed = 0;  ///< Per second.
  double cpu_mean = 0, cpu_spread = 0;
  double settled_s = 0;  ///< Until the spread keeps within `kSettled` of its final level.
};
inline constexpr double kSettled = 0.05;
/// Cuts the series at `changes` (seconds, ascending).
std::vector<ClusterPhase> phases_of(const std::vector<ClusterSecond>& seconds,
                                    const std::vector<double>& changes);

/// How long a fault goes on to matter to newcomers.
struct Aftermath {
  Fault fault{};
  double sent = 0;     ///< Newcomers passed on to (or, cut off: by) that member afterwards, in vain.
  double until_s = 0;  ///< When the last of them was, from the fault.
};

struct ClusterResult {
  ClusterFates all{};       ///< From beginning to end.
  ClusterFates measured{};  ///< Without the warm-up; `outside` and `inside` are 0.
  double measured_s = 0;
  double capacity = 0;             ///< Sessions per second.
  std::vector<double> member_cpu;  ///< Share of its CPUs, of each member that is alive, ascending.
  /// Newcomers that came to a member between two of its digests, over those it had said it would take;
  /// ascending. Where it would take at least one.
  std::vector<double> crowding;
  Histogram responses;
  std::vector<ClusterSecond> seconds;
  std::vector<ClusterPhase> phases;
  std::vector<Aftermath> aftermaths;
  std::uint64_t events = 0;
};

/// Of ascending values; 0 when there are none.
double quantile(const std::vector<double>& sorted, double q) noexcept;

}  // namespace sluice::tools
