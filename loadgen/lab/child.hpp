#pragma once
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

/// Processes that don't outlive the lab.
namespace sluice::loadgen::lab {

struct ChildOptions {
  std::vector<std::string> command{};  ///< Program (a path) and arguments.
  std::string directory{};   ///< Its working directory; stdout is piped, stderr goes to a file in it.
  std::vector<int> cpus{};   ///< It may run on; empty: as the lab may.
  std::string procs_file{};  ///< cgroup.procs of the group to start in, or empty.
};

/// One child process. It is killed by the kernel when the thread that made it ends, however that happens
/// (PR_SET_PDEATHSIG), so it is made on a thread that lives as long as it is needed. In a process group of
/// its own: a Ctrl-C in the terminal is for the lab, which then stops it in good order. Not thread-safe.
class Child {
 public:
  /// Throws RunError when it can't be started.
  explicit Child(const ChildOptions& options);
  /// Stops it.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The next line of its standard output; none at its end or when `deadline` has passed. A child may write
  /// some 64 KB that nobody reads.
  std::optional<std::string> read_line(std::chrono::steady_clock::time_point deadline);
  /// "exit code 1", "signal 11 (Segmentation fault)", once it has ended; none while it runs.
  const std::optional<std::string>& ending();
  /// Waits for it to end by itself: false when it hasn't by `deadline`.
  bool wait_until(std::chrono::steady_clock::time_point deadline);
  /// TERM, and KILL when it has not ended `grace` later. Returns once it is reaped.
  void stop(std::chrono::milliseconds grace);
  bool succeeded() const noexcept { return succeeded_; }
  pid_t pid() const noexcept { return pid_; }
  /// CPU time of all its threads so far, seconds; none once it has ended.
  std::optional<double> cpu_seconds() const;
  /// What it wrote on standard error: the first line that says something.
  std::string complaint() const;

 private:
  void reap(int status);

  pid_t pid_ = -1;
  int output_ = -1;
  std::string errors_file_;
  std::string read_;  // of its output, not yet handed out
  std::optional<std::string> ending_;
  bool succeeded_ = false;
};

/// CPUs this process may run on, ascending.
std::vector<int> own_cpus();
/// Restricts the calling thread, and the threads it makes from now on, to `cpus`, until destruction. Does
/// nothing for an empty list.
class PinnedHere {
 public:
  explicit PinnedHere(const std::vector<int>& cpus);
  ~PinnedHere();
  PinnedHere(const PinnedHere&) = delete;
  PinnedHere& operator=(const PinnedHere&) = delete;

 private:
  std::vector<int> before_;
};

}  // namespace sluice::loadgen::lab
