#include "server/cpu_supply_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace sluice::server {

namespace {

/// Takes what stands before the next `end` off the front of `text`, which is all of it when there is none.
std::string_view cut(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto piece = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return piece;
}

/// The next word of a line; empty at its end.
std::string_view word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return cut(line, ' ');
}

/// Takes the next whole line off; a text that was cut off ends within a number, so its last piece is left.
bool next_line(std::string_view& text, std::string_view& line) {
  if (text.find('\n') == std::string_view::npos) return false;
  line = cut(text, '\n');
  return true;
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool has_word(std::string_view list, std::string_view wanted) {
  while (!list.empty())
    if (cut(list, ',') == wanted) return true;
  return false;
}

double quota(std::string_view quota_us, std::string_view period_us) {
  const auto quota = number<std::int64_t>(quota_us);
  const auto period = number<std::int64_t>(period_us);
  if (!quota || !period || *quota <= 0 || *period <= 0) return kNoQuota;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

}  // namespace

CpuIds cpu_ids(std::string_view list) {
  CpuIds ids;
  list = cut(list, '\n');
  while (!list.empty()) {
    auto range = cut(list, ',');
    const auto first = number<unsigned>(cut(range, '-'));
    const auto last = range.empty() ? first : number<unsigned>(range);
    const bool ascends = first && last && *first <= *last && (ids.empty() || ids.back() < *first);
    if (!ascends || *last >= kCpusMax) return {};
    for (unsigned id = *first; id <= *last; ++id) ids.push_back(id);
  }
  return ids;
}

double quota_v2(std::string_view cpu_max) {
  auto line = cut(cpu_max, '\n');
  const auto quota_us = word(line);
  return quota(quota_us, word(line));
}

double quota_v1(std::string_view quota_us, std::string_view period_us) {
  return quota(cut(quota_us, '\n'), cut(period_us, '\n'));
}

Throttling throttling(std::string_view cpu_stat) {
  Throttling sum;
  for (std::string_view line; next_line(cpu_stat, line);) {
    const auto key = word(line);
    const auto value = number<std::uint64_t>(word(line));
    if (!value) continue;
    const auto count = static_cast<double>(*value);
    if (key == "nr_throttled") sum.periods = *value;
    if (key == "throttled_usec") sum.time = std::chrono::duration<double, std::micro>(count);
    if (key == "throttled_time") sum.time = std::chrono::duration<double, std::nano>(count);
  }
  return sum;
}

std::vector<CpuTicks> cpu_ticks(std::string_view proc_stat) {
  constexpr std::size_t kFields = 8, kSteal = 7;  // guest and guest_nice, the next two, are in user and nice
  std::vector<CpuTicks> all;
  for (std::string_view line; next_line(proc_stat, line) && line.starts_with("cpu");) {
    const auto id = number<unsigned>(word(line).substr(3));
    if (!id || *id >= kCpusMax || (!all.empty() && *id <= all.back().cpu)) continue;
    CpuTicks ticks{.cpu = *id};
    std::size_t fields = 0;
    for (; fields < kFields; ++fields) {
      const auto value = number<std::uint64_t>(word(line));
      if (!value) break;
      ticks.total += *value;
      if (fields == kSteal) ticks.steal = *value;
    }
    if (fields == kFields) all.push_back(ticks);
  }
  return all;
}

double stolen_share(const std::vector<CpuTicks>& before, const std::vector<CpuTicks>& after,
                    const CpuIds& cpus) {
  double steal = 0, total = 0;
  auto old = before.begin();
  for (const CpuTicks& now : after) {
    while (old != before.end() && old->cpu < now.cpu) ++old;
    if (old == before.end()) break;
    if (old->cpu != now.cpu || !std::binary_search(cpus.begin(), cpus.end(), now.cpu)) continue;
    if (now.total < old->total || now.steal < old->steal) continue;
    steal += static_cast<double>(now.steal - old->steal);
    total += static_cast<double>(now.total - old->total);
  }
  return total > 0 ? std::min(1.0, steal / total) : 0;
}

std::optional<double> pressure_share(std::string_view pressure) {
  constexpr std::string_view kAvg10 = "avg10=";
  for (std::string_view line; next_line(pressure, line);) {
    if (word(line) != "some") continue;
    const auto field = word(line);
    const auto percent =
        field.starts_with(kAvg10) ? number<double>(field.substr(kAvg10.size())) : std::nullopt;
    if (percent && std::isfinite(*percent)) return std::clamp(*percent / 100, 0.0, 1.0);
  }
  return std::nullopt;
}

namespace {

/// Space, tab, newline and backslash stand in mountinfo as \040 and so on.
std::string unescaped(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    unsigned code = 0;
    const bool escape = text.size() >= 4 && text[0] == '\\' &&
                        std::from_chars(text.data() + 1, text.data() + 4, code, 8).ptr == text.data() + 4;
    plain += escape ? static_cast<char>(code) : text[0];
    text.remove_prefix(escape ? 4 : 1);
  }
  return plain;
}

struct Mount {
  bool v2 = false;
  std::string root;   // the part of the hierarchy that is mounted; empty: all of it
  std::string point;  // where
};

/// "ID parent device ROOT POINT options [optional]... - TYPE source SUPER-OPTIONS"
std::optional<Mount> cgroup_mount(std::string_view line) {
  const auto dash = line.find(" - ");
  if (dash == std::string_view::npos) return std::nullopt;
  auto tail = line.substr(dash + 3);
  const auto type = word(tail);
  word(tail);
  const bool v2 = type == "cgroup2";
  if (!v2 && (type != "cgroup" || !has_word(word(tail), "cpu"))) return std::nullopt;
  std::array<std::string_view, 5> head;
  for (auto& field : head) field = word(line);
  Mount mount{v2, unescaped(head[3]), unescaped(head[4])};
  if (!mount.point.starts_with('/')) return std::nullopt;
  if (mount.root == "/") mount.root.clear();
  if (mount.point == "/") mount.point.clear();
  return mount;
}

/// The process' path in the hierarchy: "ID:controllers:PATH", "0::PATH" for v2.
std::optional<std::string_view> own_path(std::string_view proc_cgroup, bool v2) {
  for (std::string_view line; next_line(proc_cgroup, line);) {
    cut(line, ':');
    const auto controllers = cut(line, ':');
    if (line.starts_with('/') && (v2 ? controllers.empty() : has_word(controllers, "cpu"))) return line;
  }
  return std::nullopt;
}

/// `path` below what is mounted, "" for the mount itself; nothing when it lies elsewhere.
std::optional<std::string> path_below(const Mount& mount, std::string_view path) {
  if (!path.starts_with(mount.root) || path.find("/..") != std::string_view::npos) return std::nullopt;
  path.remove_prefix(mount.root.size());
  if (!path.empty() && path[0] != '/') return std::nullopt;
  return path == "/" ? "" : std::string(path);
}

/// Adds the groups of one version. The same hierarchy may be mounted several times, parts of it too.
void add_groups(std::vector<CpuGroup>& groups, const std::vector<Mount>& mounts, std::string_view path,
                bool v2) {
  const Mount* best = nullptr;
  std::optional<std::string> below;
  for (const Mount& mount : mounts) {
    if (mount.v2 != v2 || below) continue;
    below = path_below(mount, path);
    if (below || best == nullptr) best = &mount;
  }
  if (best == nullptr) return;
  std::string rest = below.value_or("");
  for (std::size_t left = kGroupsMax; left > 0; --left) {
    groups.push_back({v2, best->point + rest});
    if (rest.empty()) return;
    rest.erase(rest.rfind('/'));
  }
}

}  // namespace

std::vector<CpuGroup> cpu_groups(std::string_view proc_cgroup, std::string_view mountinfo) {
  std::vector<Mount> mounts;
  for (std::string_view line; next_line(mountinfo, line);)
    if (auto mount = cgroup_mount(line)) mounts.push_back(std::move(*mount));
  std::vector<CpuGroup> groups;
  for (const bool v2 : {false, true})
    if (const auto path = own_path(proc_cgroup, v2)) add_groups(groups, mounts, *path, v2);
  return groups;
}

}  // namespace sluice::server
