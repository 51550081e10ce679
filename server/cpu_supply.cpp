#include "server/cpu_supply.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <utility>

namespace sluice::server {

namespace {

constexpr std::size_t kFirstBuffer = 16 * 1024;
constexpr std::size_t kFileMax = 1 << 20;  // /proc/stat and mountinfo of large machines; the rest is cut off

/// Not the file's fault: it would have to be judged anew once there is room again.
bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR;
}

}  // namespace

CpuIds process_affinity() {
  std::array<cpu_set_t, kCpusMax / CPU_SETSIZE> set{};
  CpuIds ids;
  if (::sched_getaffinity(::getpid(), sizeof set, set.data()) != 0) return ids;
  for (unsigned id = 0; id < kCpusMax; ++id)
    if (CPU_ISSET_S(id, sizeof set, set.data())) ids.push_back(id);
  return ids;
}

CpuSupply::CpuSupply(std::string root, Affinity affinity)
    : root_(std::move(root)), affinity_(std::move(affinity)), buffer_(kFirstBuffer, '\0') {}

CpuReading CpuSupply::read(Monotonic::time_point now) {
  const CpuIds mask = affinity_();
  CpuReading reading{.cpus = usable(mask)};
  read_throttling(reading, now);
  read_steal(reading, mask);
  reading.pressure_share = pressure();
  return reading;
}

double CpuSupply::cpus() { return usable(affinity_()); }

/// `file` is absolute below the root. Opened anew each time: a descriptor kept would outlive its group.
CpuSupply::Outcome CpuSupply::load(std::string_view file) {
  text_ = {};
  const int fd = ::open((root_ + std::string(file)).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return is_shortage(errno) ? Outcome::failed : Outcome::absent;
  std::size_t length = 0;
  ssize_t count = 0;
  do {
    if (length == buffer_.size()) buffer_.resize(2 * length);
    count = ::read(fd, buffer_.data() + length, buffer_.size() - length);
    if (count > 0) length += static_cast<std::size_t>(count);
  } while (count > 0 && length < kFileMax);
  const int error = count < 0 ? errno : 0;
  ::close(fd);
  if (error != 0) return is_shortage(error) ? Outcome::failed : Outcome::absent;
  text_ = std::string_view(buffer_).substr(0, length);
  return Outcome::read;
}

CpuSupply::Outcome CpuSupply::read_quota(const CpuGroup& group, double& cpus) {
  if (group.v2) {
    const Outcome outcome = load(group.folder + "/cpu.max");
    cpus = quota_v2(text_);
    return outcome;
  }
  cpus = kNoQuota;
  if (const Outcome outcome = load(group.folder + "/cpu.cfs_quota_us"); outcome != Outcome::read)
    return outcome;
  const std::string quota_us(text_);
  const Outcome outcome = load(group.folder + "/cpu.cfs_period_us");
  cpus = quota_v1(quota_us, text_);
  return outcome;
}

/// Absent: a file that was there at the last look. Unless all could be looked at, the quota stays as it was.
CpuSupply::Outcome CpuSupply::read_quotas() {
  double least = kNoQuota;
  const CpuGroup* tightest = nullptr;
  bool vanished = false;
  for (Group& group : groups_) {
    double quota = kNoQuota;
    const Outcome outcome = read_quota(group.place, quota);
    if (outcome == Outcome::failed) return outcome;
    const bool had = std::exchange(group.has_quota_file, outcome == Outcome::read);
    vanished = vanished || (had && !group.has_quota_file);
    if (quota >= least) continue;
    least = quota;
    tightest = &group.place;
  }
  if (vanished) return Outcome::absent;
  quota_ = least;
  tightest_ = tightest != nullptr ? tightest->folder : "";
  return Outcome::read;
}

/// False for want of descriptors or memory.
bool CpuSupply::find_groups() {
  if (load("/proc/self/mountinfo") == Outcome::failed) return false;
  groups_.clear();
  for (CpuGroup& place : cpu_groups(own_groups_, text_)) groups_.push_back({std::move(place)});
  return true;
}

/// What is mounted where is read only when the process was moved or a quota's file vanished.
void CpuSupply::follow_groups() {
  if (load("/proc/self/cgroup") == Outcome::failed) return;
  bool found = true;
  if (text_ != own_groups_) {
    own_groups_ = text_;
    found = find_groups();
  }
  Outcome quotas = found ? read_quotas() : Outcome::failed;
  if (quotas == Outcome::absent && find_groups()) quotas = read_quotas();
  if (quotas != Outcome::read) own_groups_.clear();  // the next reading looks for the groups anew
}

double CpuSupply::usable(const CpuIds& mask) {
  follow_groups();
  load("/sys/devices/system/cpu/online");
  // Numbers are compared, not sets: containers may see CPUs numbered anew in files, but not in the mask.
  std::size_t cpus = mask.size();
  if (const std::size_t online = cpu_ids(text_).size(); online > 0)
    cpus = cpus > 0 ? std::min(cpus, online) : online;
  return std::min(static_cast<double>(std::max<std::size_t>(cpus, 1)), quota_);
}

void CpuSupply::read_throttling(CpuReading& reading, Monotonic::time_point now) {
  if (tightest_.empty()) {
    throttled_.clear();
    return;
  }
  if (load(tightest_ + "/cpu.stat") != Outcome::read) return;
  const Throttling sum = throttling(text_);
  const std::chrono::duration<double> elapsed = now - throttling_at_;
  const bool grew = sum.periods >= throttling_.periods && sum.time >= throttling_.time;  // else made anew
  if (throttled_ == tightest_ && grew && elapsed.count() > 0) {
    reading.throttled_periods = sum.periods - throttling_.periods;
    reading.throttled_share =
        std::min(1.0, (sum.time - throttling_.time) / (elapsed * std::ceil(reading.cpus)));
  }
  throttled_ = tightest_;
  throttling_ = sum;
  throttling_at_ = now;
}

void CpuSupply::read_steal(CpuReading& reading, const CpuIds& mask) {
  if (load("/proc/stat") != Outcome::read) return;
  auto ticks = cpu_ticks(text_);
  reading.steal_share = stolen_share(ticks_, ticks, mask);
  ticks_ = std::move(ticks);
}

double CpuSupply::pressure() {
  const auto own = std::find_if(groups_.begin(), groups_.end(), [](const Group& g) { return g.place.v2; });
  if (own != groups_.end() && load(own->place.folder + "/cpu.pressure") == Outcome::read)
    if (const auto share = pressure_share(text_)) return *share;
  load("/proc/pressure/cpu");
  return pressure_share(text_).value_or(0);
}

double cpus_available() { return CpuSupply().cpus(); }

unsigned usable_cpus() { return std::max(1U, static_cast<unsigned>(std::ceil(cpus_available()))); }

}  // namespace sluice::server
