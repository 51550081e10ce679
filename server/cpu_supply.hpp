#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "server/cpu_supply_text.hpp"

/// How much CPU the machine, its hypervisor and the cgroup leave to this process: the supply that admission
/// plans with.
namespace sluice::server {

/// Shares and counts are of the time since the reading before; zero in the first. Never negative, never NaN.
struct CpuReading {
  /// CPUs the process may use: the least of the affinity mask (a cpuset is in it), CPUs online, and the
  /// quotas of its cgroup (v1 and v2) and of all groups above. A fraction with a quota. More than 0.
  double cpus = 1;
  /// Of the group with the smallest quota: the share of the time in which it stood still because the quota
  /// was used up, 0 to 1. The kernel sums over CPUs; this is the mean of `cpus` CPUs rounded up, which is how
  /// many the processors keep busy by default. 0 without quota.
  double throttled_share = 0;
  /// Periods in which that happened.
  std::uint64_t throttled_periods = 0;
  /// Of the CPUs in the affinity mask: the share of the time in which the hypervisor ran others, 0 to 1. In
  /// steps of a tick (10 ms) of each CPU.
  double steal_share = 0;
  /// Share of the last 10 s in which a task waited for a CPU, 0 to 1: of the process' own cgroup (v2), else
  /// of the machine; 0 where the kernel doesn't say. For people, not for control.
  double pressure_share = 0;
};

/// CPUs on which the main thread may run (sched_getaffinity(2)); empty when the kernel doesn't say.
CpuIds process_affinity();

/// Reads files of /proc and /sys: about once a second, from one thread. Every reading sees a changed quota
/// and a changed group. A file that is absent or not understood counts as no limit; when one can't be opened
/// for want of descriptors or memory, what was known stays. Most of a reading's cost is /proc/stat, which
/// grows with the number of CPUs and of interrupts.
class CpuSupply {
 public:
  using Affinity = std::function<CpuIds()>;

  /// Tests let the folder `root` stand for "/", and give the mask.
  explicit CpuSupply(std::string root = {}, Affinity affinity = process_affinity);

  CpuReading read(Monotonic::time_point now);
  /// `CpuReading::cpus` alone, cheaper. Leaves alone what `read` compares with.
  double cpus();

 private:
  enum class Outcome { read, absent, failed };
  struct Group {
    CpuGroup place;
    bool has_quota_file = false;  // at the last look
  };

  Outcome load(std::string_view file);
  Outcome read_quota(const CpuGroup& group, double& cpus);
  Outcome read_quotas();
  bool find_groups();
  void follow_groups();
  double usable(const CpuIds& mask);
  void read_throttling(CpuReading& reading, Monotonic::time_point now);
  void read_steal(CpuReading& reading, const CpuIds& mask);
  double pressure();

  std::string root_;
  Affinity affinity_;
  std::string buffer_;     // of all files; grows to the largest one
  std::string_view text_;  // the file read last, in `buffer_`

  std::string own_groups_;  // the /proc/self/cgroup that `groups_` were found from
  std::vector<Group> groups_;
  double quota_ = kNoQuota;
  std::string tightest_;  // folder of the group it comes from; empty without quota

  std::string throttled_;  // folder of the group that the next two are of
  Throttling throttling_{};
  Monotonic::time_point throttling_at_{};
  std::vector<CpuTicks> ticks_;
};

/// CPUs this process may use now, which may be a fraction: `CpuReading::cpus`.
double cpus_available();
/// The same as a number of threads: rounded up, at least 1.
unsigned usable_cpus();

}  // namespace sluice::server
