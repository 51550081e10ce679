#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

/// `sluice-load lab`: starts the servers an experiment needs, loads them, writes one page about it.
namespace sluice::loadgen {

/// How much time an experiment takes.
enum class LabSize { quick, normal, full };

/// What the command line said. Everything left empty is up to the experiment and the size.
struct LabOptions {
  std::string experiment;
  bool list = false;  ///< Say what there is instead.
  LabSize size = LabSize::normal;
  std::string server;                 ///< The sluice binary; empty: beside our own, else on the PATH.
  std::string out;                    ///< Folder of the results; empty: lab-<experiment>.
  std::vector<std::string> policies;  ///< Values of admission.policy; empty: "off".
  std::vector<double> processors;     ///< CPUs of the server, fractions allowed.
  std::vector<std::string> certificates;
  std::string tls;                    ///< "1.2" or "1.3"; empty: what both sides like best.
  std::string resume;                 ///< As `run --resume`.
  std::string model = "browse";       ///< The paper's figures are those of the browsing mix.
  std::string think, session_length;  ///< As `run`.
  std::vector<std::string> settings;  ///< Further settings of the server, key=value; they win.
  std::vector<double> multiples;      ///< Of the saturation rate.
  std::vector<std::string> schemes;   ///< Of cluster-balance; empty: all.
  std::optional<double> saturation;   ///< Clients/s with one CPU: the search is left out.
  std::optional<double> duration_s, warmup_s, timeout_s;  ///< Of one point.
  unsigned repeats = 0;                                   ///< 0: up to the size.
  std::uint32_t shop_users = 0, shop_items = 0;
  std::uint64_t seed = 1;
  std::string command_line;  ///< For the page: how to do it again.
};

/// Blocks until the page is written. One line of progress at a time goes to `progress`. Setting `stop` ends
/// it soon: what was measured is written, and neither a process nor a cgroup is left. Call it on a thread
/// that outlives the call, as the servers die with it, and with as many descriptors allowed as can be had: a
/// connection needs one on each side, and servers inherit the limit. Returns the exit code: 0; 1 when it was
/// stopped; 3 when no point is to be trusted as the generator was the limit in all of them. Throws UsageError
/// and RunError, as when the server refuses a policy.
int run_lab(const LabOptions& options, std::ostream& progress, const std::atomic<bool>& stop);

/// The same for `cluster-balance`, whose servers are members of a cluster in network namespaces.
int run_cluster_lab(const LabOptions& options, std::ostream& progress, const std::atomic<bool>& stop);

/// `lab --list`: each experiment, what it shows, how long it takes.
std::string lab_list();

}  // namespace sluice::loadgen
