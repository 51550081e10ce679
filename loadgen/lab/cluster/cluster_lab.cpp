#include <algorithm>

#include "loadgen/error.hpp"
#include "loadgen/lab/cluster/cluster_bench.hpp"
#include "loadgen/lab/page_parts.hpp"
#include "loadgen/report/format.hpp"

namespace sluice::loadgen {

namespace lab {
namespace {

/// The whole of it, step by step.
class ClusterSession {
 public:
  ClusterSession(const LabOptions& options, std::ostream& progress, const std::atomic<bool>& stop)
      : options_(options), progress_(progress), stop_(stop), kit_(options.server, options.settings, stop) {
    const bool haproxy = ClusterBench::haproxy_found();
    findings_.plan = make_cluster_plan(options_, haproxy);
    if (!kit_.quota_obstacle().empty())
      throw RunError("members need CPU quotas, which are not possible here: " + kit_.quota_obstacle());
    auto& notes = findings_.notes;
    notes.push_back(
        "Members share a CPU, of which each has a quota; generator and HAProxy run on the others. "
        "Delegation of newcomers is part of session migration here.");
    notes.emplace_back(
        "A member lets a session resume only so often (6 times at once and 6 times in 10 s), which long "
        "sessions reach here; what they then make are full handshakes.");
    if (!haproxy)
      notes.emplace_back(
          "HAProxy is not installed, so balancing by session ID and by least connections was left out.");
  }

  int run() {
    progress_ << kClusterBalance << ": " << findings_.plan.cases.size() << " cases, about "
              << report::about(expected_total_s(findings_.plan)) << std::endl;
    try {
      kit_.populate(findings_.plan.shop_users, findings_.plan.shop_items);
      ClusterBench bench(kit_, findings_.plan, options_, stop_);
      findings_.light_cpu_s = bench.cost_of(false);
      findings_.heavy_cpu_s = bench.cost_of(true);
      progress_ << "a session costs " << report::plain(1000 * findings_.light_cpu_s)
                << " ms of CPU, a long one " << report::plain(1000 * findings_.heavy_cpu_s) << " ms"
                << std::endl;
      for (const ClusterCase& what : findings_.plan.cases) measure(bench, what);
    } catch (const RunError&) {
      if (!findings_.measurements.empty() && !stop_) write(true);
      if (!stop_) throw;
    }
    write(stop_);
    if (stop_) return 1;
    return std::ranges::all_of(findings_.measurements,
                               [](const ClusterMeasurement& m) { return figures_of(m, 1).client_limited; })
               ? 3
               : 0;
  }

 private:
  void measure(ClusterBench& bench, const ClusterCase& what) {
    if (stop_) return;
    const ClusterPlan& plan = findings_.plan;
    const ClusterLoad load = load_of(plan, what.clients, findings_.light_cpu_s, findings_.heavy_cpu_s);
    findings_.measurements.push_back(bench.measure(what, load));
    const ClusterFigures f = figures_of(findings_.measurements.back(), plan.cpus);
    const std::size_t count = findings_.measurements.size();
    progress_ << "[" << count << "/" << plan.cases.size() << "] " << title_of(what.clients) << ", "
              << title_of(what.scheme) << (what.migration ? ", with" : ", without")
              << " migration: completed " << report::percent(f.completed_share) << ", full handshakes "
              << report::percent(f.full_share) << ", resumed " << report::percent(f.resumed_share) << ", CPU "
              << report::percent(f.idlest) << " to " << report::percent(f.busiest) << ", p99 "
              << report::plain(f.p99_ms) << " ms" << (f.client_limited ? ", GENERATOR AT ITS LIMIT" : "")
              << std::endl;
  }

  void write(bool stopped) {
    findings_.stopped = stopped;
    const Circumstances circumstances{options_, this_machine(), kit_.version()};
    write_findings(options_, cluster_page(findings_, circumstances), cluster_json(findings_, circumstances),
                   conclusions_of(findings_), stopped, progress_);
  }

  const LabOptions& options_;
  std::ostream& progress_;
  const std::atomic<bool>& stop_;
  ServerKit kit_;
  ClusterFindings findings_;
};

}  // namespace
}  // namespace lab

int run_cluster_lab(const LabOptions& options, std::ostream& progress, const std::atomic<bool>& stop) {
  if (const std::string obstacle = lab::Rig::obstacle(); !obstacle.empty()) throw RunError(obstacle);
  lab::remove_leftover_groups(lab::own_cgroup_places());
  lab::remove_leftover_folders();
  return lab::ClusterSession(options, progress, stop).run();
}

}  // namespace sluice::loadgen
