#pragma once
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "loadgen/lab/cluster/cluster_plan.hpp"
#include "loadgen/lab/page.hpp"
#include "loadgen/result.hpp"

/// What `lab cluster-balance` found out, and how it is shown. Pure.
namespace sluice::loadgen::lab {

/// One case, measured.
struct ClusterMeasurement {
  ClusterCase what{};
  std::vector<Result> results{};  ///< Of each generator: light sessions, and heavy ones where there are any.
  std::vector<double> cpu{};      ///< CPUs that each member used over the window.
};

struct ClusterFigures {
  double offered = 0, completed = 0, refused = 0, abandoned = 0;  ///< Sessions per second.
  double completed_share = 0;                                     ///< Of those that ended.
  double full_share = 0;                                          ///< Of the handshakes.
  double resumed_share = 0;                                       ///< Of the resumptions offered.
  double busiest = 0, idlest = 0;  ///< CPU of members, as shares of what each may use.
  double p50_ms = 0, p99_ms = 0;   ///< Of responses, those of heavy sessions included.
  bool client_limited = false;

  double spread() const noexcept { return busiest - idlest; }
};
ClusterFigures figures_of(const ClusterMeasurement& measurement, double cpus);

struct ClusterFindings {
  ClusterPlan plan{};
  double light_cpu_s = 0, heavy_cpu_s = 0;  ///< CPU of a session, all members, sessions shared.
  std::vector<ClusterMeasurement> measurements{};
  std::vector<std::string> notes{};
  bool stopped = false;
};

/// What the figures say, a sentence each.
std::vector<std::string> conclusions_of(const ClusterFindings& findings);
std::string cluster_page(const ClusterFindings& findings, const Circumstances& circumstances);
inline constexpr std::string_view kClusterLabSchema = "sluice-load/lab-cluster/1";
boost::json::object cluster_json(const ClusterFindings& findings, const Circumstances& circumstances);

}  // namespace sluice::loadgen::lab
