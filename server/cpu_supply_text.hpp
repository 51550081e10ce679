#pragma once
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The kernel's files about CPUs, as texts: proc(5), cgroups(7) and the kernel's admin-guide/cgroup-v2.rst,
/// scheduler/sched-bwc.rst, accounting/psi.rst. Pure. What isn't understood is as if it weren't there.
namespace sluice::server {

/// Numbers of CPUs, ascending, each once.
using CpuIds = std::vector<unsigned>;
inline constexpr unsigned kCpusMax = 8192;  ///< The most Linux can be built for; what is above is garbage.

/// "0-3,8" (cpuset(7), "List format"), as in /sys/devices/system/cpu/online. Empty unless understood as a
/// whole.
CpuIds cpu_ids(std::string_view list);

/// A quota in CPUs where there is none.
inline constexpr double kNoQuota = std::numeric_limits<double>::infinity();

/// CPUs of a v2 "cpu.max": "200000 100000" or "max 100000". More than 0.
double quota_v2(std::string_view cpu_max);
/// CPUs of v1's "cpu.cfs_quota_us" (-1: none) and "cpu.cfs_period_us". More than 0.
double quota_v1(std::string_view quota_us, std::string_view period_us);

/// What a group has been through since it was made.
struct Throttling {
  std::uint64_t periods = 0;             ///< In which its quota ran out on some CPU.
  std::chrono::duration<double> time{};  ///< Stood still, summed over CPUs.
};
/// "cpu.stat" of either version: nr_throttled with throttled_usec (v2) or throttled_time in ns (v1).
Throttling throttling(std::string_view cpu_stat);

/// Ticks of one CPU since boot.
struct CpuTicks {
  unsigned cpu = 0;
  std::uint64_t steal = 0;  ///< The hypervisor ran somebody else.
  std::uint64_t total = 0;  ///< All of them, idle ones and stolen ones too.
};
/// The lines "cpu0 user nice system idle iowait irq softirq steal ..." of /proc/stat, ascending.
std::vector<CpuTicks> cpu_ticks(std::string_view proc_stat);
/// Share of the time of `cpus` between two readings that was stolen, 0 to 1. A CPU counts that is in both and
/// whose ticks only grew.
double stolen_share(const std::vector<CpuTicks>& before, const std::vector<CpuTicks>& after,
                    const CpuIds& cpus);

/// The share of the last 10 s in which somebody waited for a CPU, 0 to 1: "some avg10=1.23 ..." (percent).
std::optional<double> pressure_share(std::string_view pressure);

/// A folder of a cgroup hierarchy that may hold a quota for this process.
struct CpuGroup {
  bool v2 = false;
  std::string folder;  ///< Absolute.
  bool operator==(const CpuGroup&) const = default;
};
inline constexpr std::size_t kGroupsMax = 32;  ///< Of each version, from the innermost.

/// From the process' own group up to what is mounted, v1 (the hierarchy with the "cpu" controller) before v2,
/// from the texts of /proc/self/cgroup and /proc/self/mountinfo. A group outside of what is mounted, as in
/// containers without a cgroup namespace, is taken for the mount's root.
std::vector<CpuGroup> cpu_groups(std::string_view proc_cgroup, std::string_view mountinfo);

}  // namespace sluice::server
