#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "loadgen/lab/child.hpp"
#include "loadgen/lab/cluster/cluster_figures.hpp"
#include "loadgen/lab/cluster/rig.hpp"
#include "loadgen/lab/server.hpp"

namespace sluice::loadgen::lab {

/// Makes one measurement at a time, each with fresh members, behind the same network. Borrows all of it.
class ClusterBench {
 public:
  /// Throws RunError.
  ClusterBench(ServerKit& kit, const ClusterPlan& plan, const LabOptions& options,
               const std::atomic<bool>& stop);

  /// Throws RunError, also when a member ended by itself.
  ClusterMeasurement measure(const ClusterCase& what, const ClusterLoad& load);
  /// CPU seconds of all members for a session of that kind, alone, with sessions shared and the load
  /// that is offered later.
  double cost_of(bool heavy);
  /// Whether HAProxy is there for the schemes that are its own.
  static bool haproxy_found();

 private:
  using Children = std::vector<std::unique_ptr<Child>>;

  Children start_members(bool migration);
  std::vector<std::string> settings_of(unsigned member, const std::string& state, bool migration) const;
  std::unique_ptr<Child> balance(Scheme scheme);
  std::unique_ptr<Child> start_load(bool heavy, double rate, double warmup_s, double window_s,
                                    const std::vector<std::string>& sources);
  double cost_at(double rate, bool heavy, const Children& members);
  std::string new_folder(const std::string& of);
  std::string result_file(bool heavy) const;
  Result result_of(Child& load, bool heavy);
  std::vector<double> cpu_of(const Children& members) const;
  void pause(double seconds, const Children& members);

  ServerKit& kit_;
  const ClusterPlan& plan_;
  const LabOptions& options_;
  const std::atomic<bool>& stop_;
  const std::string folder_;
  Rig rig_;
  CpuShare cpus_;
  const std::string model_;
  unsigned started_ = 0;
};

}  // namespace sluice::loadgen::lab
