#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// CPU quotas by cgroup, v1 and v2: fractions of a CPU for the server, so that "1, 2 and 4 processors" of the
/// paper fit on a machine with two, as quotas of 0.25, 0.5 and 1 (docs: the kernel's cgroup-v1/cpu and
/// cgroup-v2, "cpu.max").
namespace sluice::loadgen::lab {

enum class CgroupVersion { v1, v2 };

/// A folder in which a group with a quota may be made.
struct CgroupPlace {
  CgroupVersion version = CgroupVersion::v1;
  std::string folder;
  friend bool operator==(const CgroupPlace&, const CgroupPlace&) = default;
};

/// Candidates, best first, out of the texts of /proc/self/cgroup and /proc/self/mountinfo. Pure. v1 (the
/// hierarchy that has the cpu controller) goes before v2, as a controller lives in one hierarchy only. In
/// each our own group comes first, then its ancestors up to the mount: a v2 group that has processes can't
/// have children with controllers, but its parent may.
std::vector<CgroupPlace> cgroup_places(std::string_view proc_cgroup, std::string_view proc_mountinfo);

/// File and content that set the quota. Pure.
struct QuotaText {
  std::string file;  ///< Name within the group's folder.
  std::string text;
  friend bool operator==(const QuotaText&, const QuotaText&) = default;
};
QuotaText quota_text(CgroupVersion version, double cpus);

/// "sluice-load-lab-<pid>": a later lab finds by it what a killed one left.
std::string cgroup_name(int pid);
/// The pid in such a name; 0 when it is another name.
int pid_of_cgroup(std::string_view name) noexcept;

/// A cgroup with a CPU quota, removed by the destructor; everybody has left it by then. Not copied.
class CpuGroup {
 public:
  /// Tries the places in turn. Null when none allows it; `reason` then says why, in a phrase.
  static std::unique_ptr<CpuGroup> make(const std::vector<CgroupPlace>& places, double cpus,
                                        std::string& reason);
  /// At places of this process.
  static std::unique_ptr<CpuGroup> make(double cpus, std::string& reason);
  ~CpuGroup();
  CpuGroup(const CpuGroup&) = delete;
  CpuGroup& operator=(const CpuGroup&) = delete;

  /// A process enters by writing "0" into it.
  std::string procs_file() const { return folder_ + "/cgroup.procs"; }
  const std::string& folder() const noexcept { return folder_; }
  /// "cgroup v1 quota" or "cgroup v2 quota".
  std::string text() const;

 private:
  CpuGroup(CgroupVersion version, std::string folder) : version_(version), folder_(std::move(folder)) {}
  CgroupVersion version_;
  std::string folder_;
  std::string
      enabled_in_;  // v2: where the controller was switched on for it; switched off again by the last lab
};

/// Removes groups of labs that no longer run. Returns how many.
unsigned remove_leftover_groups(const std::vector<CgroupPlace>& places);
/// The places of this process, read from /proc.
std::vector<CgroupPlace> own_cgroup_places();

}  // namespace sluice::loadgen::lab
