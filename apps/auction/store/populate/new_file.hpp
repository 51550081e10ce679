#pragma once
#include <filesystem>

namespace sluice::auction::population {

/// A database that gets its name when it is complete. Until then it is `<target>.partial`, which is locked
/// against a second populate, and removed again unless `publish` succeeds.
class NewFile {
 public:
  /// Throws std::runtime_error when the target exists and may not be replaced, or the folder can't be
  /// written.
  NewFile(std::filesystem::path target, bool replace);
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();

  const std::filesystem::path& temporary() const noexcept { return temporary_; }

  /// Syncs the file, gives it its name, and syncs the folder. All connections to it must be closed.
  void publish();

 private:
  std::filesystem::path target_, temporary_;
  bool replace_;
  int fd_ = -1;
};

}  // namespace sluice::auction::population
