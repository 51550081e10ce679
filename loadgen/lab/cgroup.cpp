#include "loadgen/lab/cgroup.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace sluice::loadgen::lab {

namespace {

constexpr std::string_view kPrefix = "sluice-load-lab-";
constexpr int kPeriodUs = 100'000;  // the kernel's default, in both versions

struct Mount {
  bool v2 = false;
  std::string root;   // the part of the hierarchy that is mounted ...
  std::string point;  // ... and where
};

bool has_word(std::string_view list, std::string_view word) {
  return ("," + std::string(list) + ",").find("," + std::string(word) + ",") != std::string::npos;
}

/// Space, tab, newline and backslash are written as \040 and so on (proc(5)).
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ptr == text.data() + i + 4) {
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// cgroup mounts of /proc/PID/mountinfo: "ID parent dev ROOT POINT options [optional]... - TYPE source
/// SUPER".
std::vector<Mount> cgroup_mounts(std::string_view mountinfo) {
  std::vector<Mount> mounts;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream head(line.substr(0, dash));
    std::istringstream tail(line.substr(dash + 3));
    std::string skip, root, point, type, super;
    head >> skip >> skip >> skip >> root >> point;
    tail >> type >> skip >> super;
    const bool v1 = type == "cgroup" && has_word(super, "cpu");
    if (v1 || type == "cgroup2") mounts.push_back({!v1, unescape(root), unescape(point)});
  }
  return mounts;
}

/// This process' path in the hierarchy: lines "ID:controllers:path", v2 is "0::path".
std::string own_path(std::string_view proc_cgroup, bool v2) {
  std::istringstream lines{std::string(proc_cgroup)};
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? controllers.empty() : has_word(controllers, "cpu")) return line.substr(second + 1);
  }
  return {};
}

/// `path` of the hierarchy as a folder; the mount's own when the path lies outside of what is mounted, as in
/// containers without a cgroup namespace.
std::string folder_of(const Mount& mount, const std::string& path) {
  const std::string root = mount.root == "/" ? "" : mount.root;
  const bool inside = path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/') &&
                      path.find("/..") == std::string::npos;
  std::string rest = inside ? path.substr(root.size()) : "";
  if (rest == "/") rest.clear();
  return mount.point + rest;
}

std::string read_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The kernel judges the value in write(2), so its answer is asked for there. 0 or errno.
int write_text(const std::string& file, std::string_view text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const ssize_t written = ::write(fd, text.data(), text.size());
  const int error = written == static_cast<ssize_t>(text.size()) ? 0 : errno;
  ::close(fd);
  return error;
}

/// A group leaves only once the kernel has let go of its last process, some milliseconds after it is gone for
/// those who look at /proc.
bool remove_group(const std::string& folder) {
  using namespace std::chrono_literals;
  for (int left = 500; left > 0; --left) {
    if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return true;
    if (errno != EBUSY) return false;
    std::this_thread::sleep_for(2ms);
  }
  return false;
}

/// Writable is not yet enterable (v2 also asks for rights on the common ancestor), so a process tries.
bool can_enter(const std::string& procs_file) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(procs_file.c_str(), O_WRONLY | O_CLOEXEC);
    ::_exit(fd >= 0 && ::write(fd, "0", 1) == 1 ? 0 : 1);
  }
  int status = 1;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

/// Children of a v2 group have cpu.max only when it says so. True when this call switched it on.
bool enable_cpu_below(const CgroupPlace& place) {
  if (place.version == CgroupVersion::v1) return false;
  const std::string file = place.folder + "/cgroup.subtree_control";
  std::istringstream words(read_text(file));
  for (std::string word; words >> word;) {
    if (word == "cpu") return false;
  }
  return write_text(file, "+cpu") == 0;
}

/// Undoes it, unless another lab has its group there by now: without the controller it would lose its quota.
void disable_cpu_below(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.is_directory(error) && pid_of_cgroup(entry.path().filename().string()) != 0) return;
  write_text(folder + "/cgroup.subtree_control", "-cpu");
}

bool alive(int pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

}  // namespace

std::vector<CgroupPlace> cgroup_places(std::string_view proc_cgroup, std::string_view proc_mountinfo) {
  std::vector<CgroupPlace> places;
  auto mounts = cgroup_mounts(proc_mountinfo);
  std::stable_sort(mounts.begin(), mounts.end(), [](const Mount& a, const Mount& b) { return a.v2 < b.v2; });
  for (const Mount& mount : mounts) {
    const std::string path = own_path(proc_cgroup, mount.v2);
    if (path.empty()) continue;
    std::string folder = folder_of(mount, path);
    while (folder.size() >= mount.point.size()) {
      const CgroupPlace place{mount.v2 ? CgroupVersion::v2 : CgroupVersion::v1, folder};
      if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
      folder.erase(folder.rfind('/'));
    }
  }
  return places;
}

QuotaText quota_text(CgroupVersion version, double cpus) {
  // The kernel takes no quota under 1 ms.
  const auto quota = std::to_string(std::max(1000L, std::lround(cpus * kPeriodUs)));
  if (version == CgroupVersion::v1) return {"cpu.cfs_quota_us", quota};
  return {"cpu.max", quota + " " + std::to_string(kPeriodUs)};
}

std::string cgroup_name(int pid) { return std::string(kPrefix) + std::to_string(pid); }

int pid_of_cgroup(std::string_view name) noexcept {
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(kPrefix.size());
  int pid = 0;
  const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return ec == std::errc{} && end == name.data() + name.size() && pid > 0 ? pid : 0;
}

std::unique_ptr<CpuGroup> CpuGroup::make(const std::vector<CgroupPlace>& places, double cpus,
                                         std::string& reason) {
  reason = "no cgroup hierarchy with CPU quotas is mounted";
  for (const CgroupPlace& place : places) {
    const bool enabled = enable_cpu_below(place);
    const std::string folder = place.folder + "/" + cgroup_name(::getpid());
    if (::mkdir(folder.c_str(), 0755) != 0) {
      reason = "can't make a group in " + place.folder + ": " + std::strerror(errno);
      if (enabled) disable_cpu_below(place.folder);
      continue;
    }
    std::unique_ptr<CpuGroup> group(new CpuGroup(place.version, folder));
    if (enabled) group->enabled_in_ = place.folder;
    const QuotaText quota = quota_text(place.version, cpus);
    if (const int error = write_text(folder + "/" + quota.file, quota.text); error != 0) {
      reason = "can't set " + quota.file + " in " + place.folder + ": " + std::strerror(error);
      continue;
    }
    if (can_enter(group->procs_file())) return group;
    reason = "can't enter a group in " + place.folder;
  }
  return nullptr;
}

std::unique_ptr<CpuGroup> CpuGroup::make(double cpus, std::string& reason) {
  return make(own_cgroup_places(), cpus, reason);
}

CpuGroup::~CpuGroup() {
  remove_group(folder_);
  if (!enabled_in_.empty()) disable_cpu_below(enabled_in_);
}

std::string CpuGroup::text() const {
  return version_ == CgroupVersion::v1 ? "cgroup v1 quota" : "cgroup v2 quota";
}

unsigned remove_leftover_groups(const std::vector<CgroupPlace>& places) {
  unsigned removed = 0;
  for (const CgroupPlace& place : places) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(place.folder, error)) {
      const int pid = pid_of_cgroup(entry.path().filename().string());
      if (pid != 0 && !alive(pid) && remove_group(entry.path())) ++removed;
    }
  }
  return removed;
}

std::vector<CgroupPlace> own_cgroup_places() {
  return cgroup_places(read_text("/proc/self/cgroup"), read_text("/proc/self/mountinfo"));
}

}  // namespace sluice::loadgen::lab
