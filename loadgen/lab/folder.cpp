#include "loadgen/lab/folder.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "loadgen/error.hpp"

namespace sluice::loadgen::lab {

namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "sluice-load-lab-";

fs::path base() {
  const char* configured = ::getenv("TMPDIR");
  return configured != nullptr && *configured != '\0' ? configured : "/tmp";
}

/// Of "sluice-load-lab-<pid>-<random>"; 0 for other names.
pid_t owner_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(kPrefix.size());
  pid_t pid = 0;
  const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return ec == std::errc{} && end != name.data() + name.size() && *end == '-' ? pid : 0;
}

bool is_own_folder(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid();
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  path_ = (base() / (std::string(kPrefix) + std::to_string(::getpid()) + "-XXXXXX")).string();
  if (::mkdtemp(path_.data()) == nullptr)
    throw RunError("can't make a folder in " + base().string() + ": " + std::strerror(errno));
}

TemporaryFolder::~TemporaryFolder() { remove(path_); }

std::string TemporaryFolder::make(const std::string& name) const {
  const std::string folder = path_ + "/" + name;
  if (::mkdir(folder.c_str(), 0700) != 0)
    throw RunError("can't make the folder " + folder + ": " + std::strerror(errno));
  return folder;
}

void TemporaryFolder::remove(const std::string& folder) const noexcept {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

unsigned remove_leftover_folders() {
  unsigned removed = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(base(), error)) {
    const pid_t pid = owner_of(entry.path().filename().string());
    if (pid <= 0 || !is_own_folder(entry.path())) continue;
    if (::kill(pid, 0) == 0 || errno != ESRCH) continue;
    std::error_code ignored;
    if (fs::remove_all(entry.path(), ignored) > 0 && !ignored) ++removed;
  }
  return removed;
}

}  // namespace sluice::loadgen::lab
