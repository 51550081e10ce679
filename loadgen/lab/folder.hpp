#pragma once
#include <string>

namespace sluice::loadgen::lab {

/// A folder for keys, databases and logs of a lab, removed with all that is in it by the destructor. It lies
/// in $TMPDIR or /tmp and carries the pid of its lab, so that the next lab removes what a killed one left.
class TemporaryFolder {
 public:
  /// Throws RunError.
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const noexcept { return path_; }
  /// A new, empty folder in it. Throws RunError.
  std::string make(const std::string& name) const;
  void remove(const std::string& folder) const noexcept;

 private:
  std::string path_;
};

/// Removes folders of labs of this user that no longer run. Returns how many.
unsigned remove_leftover_folders();

}  // namespace sluice::loadgen::lab
