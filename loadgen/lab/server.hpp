#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/lab/cgroup.hpp"
#include "loadgen/lab/child.hpp"
#include "loadgen/lab/folder.hpp"
#include "loadgen/lab/plan.hpp"

/// The servers of a lab. What waits for one gives up with a RunError soon after `stop` was set.
namespace sluice::loadgen::lab {

/// Who runs where.
struct CpuShare {
  std::vector<int> server, generator;
  bool apart = false;     ///< They have no CPU in common.
  bool quota = false;     ///< `processors` is a fraction, so `server` alone doesn't bound it.
  double processors = 1;  ///< What the server may use in the end.
};
/// Gives the server the last CPUs of `cpus`, as many as it needs, and the generator the rest; where nothing
/// would be left both may use all. Without `quota_possible` a fraction is rounded up. Pure.
CpuShare share_cpus(const std::vector<int>& cpus, double processors, bool quota_possible);

/// A server that is ready; stopped by the destructor, its state is gone then.
class Server {
 public:
  ~Server();
  const std::string& url() const noexcept { return url_; }
  std::string metrics_url() const { return admin_url_ + "/metrics"; }
  /// CPU time so far, seconds; none once it has ended.
  std::optional<double> cpu_seconds() const { return child_->cpu_seconds(); }
  /// How and with what words it ended by itself; none while it runs, and still does `grace` later.
  std::optional<std::string> ended(std::chrono::milliseconds grace = {});

 private:
  friend class ServerKit;
  const TemporaryFolder* folder_ = nullptr;
  std::string state_;
  std::unique_ptr<CpuGroup> group_;  // outlives the child
  std::unique_ptr<Child> child_;
  std::string url_, admin_url_;
};

/// Waits until a server says that it is ready. `line`: what it says before. Throws RunError with its own
/// words when it ends instead, when it takes a minute, or when the lab is stopped.
void await_ready(Child& server, const std::atomic<bool>& stop,
                 const std::function<void(std::string_view line)>& line);

/// Everything needed to start one. Makes data and certificates once.
class ServerKit {
 public:
  /// `binary` empty: `sluice` beside our own program, else on the PATH. Borrows `stop`. Throws RunError.
  ServerKit(std::string binary, std::vector<std::string> settings, const std::atomic<bool>& stop);

  /// Fills the database that every server gets a fresh copy of. Throws RunError.
  void populate(std::uint32_t users, std::uint32_t items);
  /// Puts a copy of it into a folder. Throws RunError.
  void copy_database(const std::string& folder) const;
  /// Runs the server's binary to its end, for `purpose` ("fill the database"). Throws RunError.
  void run_command(std::vector<std::string> arguments, const std::string& purpose);
  /// Asks the server whether it takes these settings, before hours are spent. Throws RunError with its
  /// answer.
  void check(const Variant& variant);
  /// A fresh one. Throws RunError, with the server's own words when it refuses.
  std::unique_ptr<Server> start(const Variant& variant, const CpuShare& cpus);

  /// Its key is in the file of the same name that ends in .key.
  std::string certificate_file(KeyKind kind);
  const std::string& binary() const noexcept { return binary_; }
  const TemporaryFolder& folder() const noexcept { return folder_; }
  /// "sluice 0.1.0".
  std::string version();
  /// Why fractions of a CPU are not possible, or empty; decided once. `how` it is done otherwise.
  const std::string& quota_obstacle() const noexcept { return quota_obstacle_; }
  const std::string& quota_text() const noexcept { return quota_text_; }

 private:
  std::vector<std::string> settings_for(const Variant& variant, const std::string& state);
  bool wait_for(Child& child, std::chrono::steady_clock::time_point deadline);

  std::string binary_;
  std::vector<std::string> settings_;
  const std::atomic<bool>& stop_;
  TemporaryFolder folder_;
  std::string quota_obstacle_, quota_text_;
  std::map<KeyKind, std::string> certificates_;  // base names
  unsigned started_ = 0;
};

}  // namespace sluice::loadgen::lab
