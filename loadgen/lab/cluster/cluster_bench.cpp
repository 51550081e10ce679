#include "loadgen/lab/cluster/cluster_bench.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "loadgen/error.hpp"
#include "loadgen/report/format.hpp"
#include "loadgen/report/json.hpp"

namespace sluice::loadgen::lab {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kStopTime = 10s;
constexpr auto kSlice = 100ms;
constexpr double kAcquaintance_s = 2.5;  // until each has dialed every other one again
constexpr const char* kPeriodUs =
    "20000";  // of quotas: short, as each throttled member stops for the rest of it
constexpr double kPatience_s = 20;
constexpr double kCalibrationRate = 10;  // light sessions per second, to begin with
constexpr const char* kHaproxy = "/usr/sbin/haproxy";

/// Whether somebody listens on that port in the network namespace of `pid` (proc_pid_net(5): local address
/// and state are the second and fourth field, 0A is LISTEN).
bool listens(pid_t pid, unsigned port) {
  std::ifstream table("/proc/" + std::to_string(pid) + "/net/tcp");
  std::string line, skip, local, remote, state;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    fields >> skip >> local >> remote >> state;
    const auto colon = local.find(':');
    if (state == "0A" && colon != std::string::npos &&
        std::stoul(local.substr(colon + 1), nullptr, 16) == port)
      return true;
  }
  return false;
}

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

}  // namespace

ClusterBench::ClusterBench(ServerKit& kit, const ClusterPlan& plan, const LabOptions& options,
                           const std::atomic<bool>& stop)
    : kit_(kit),
      plan_(plan),
      options_(options),
      stop_(stop),
      folder_(kit.folder().make("cluster")),
      rig_(plan.members, kit.folder(), stop),
      cpus_(share_cpus(own_cpus(), std::min(1.0, plan.cpus * plan.members), true)),
      model_(options.model == "browse" ? folder_ + "/pages.csv" : options.model) {
  std::ofstream(folder_ + "/pages.csv") << endless_model();
  std::vector<std::string> words{"gen-cert", "--cluster", folder_ + "/pki"};
  for (unsigned member = 1; member <= plan_.members; ++member) {
    words.insert(words.end(), {"--name", Rig::member_node(member)});
    rig_.tell("cpus", {Rig::member_node(member), report::plain(plan_.cpus), kPeriodUs});
  }
  kit_.run_command(std::move(words), "make the members' certificates");
}

bool ClusterBench::haproxy_found() { return ::access(kHaproxy, X_OK) == 0; }

// Members. -----------------------------------------------------------------------------------------

std::vector<std::string> ClusterBench::settings_of(unsigned member, const std::string& state,
                                                   bool migration) const {
  const std::string certificate = kit_.certificate_file(plan_.certificate), node = Rig::member_node(member);
  const std::string address = Rig::member_address(member);
  const auto at = [](const std::string& host, unsigned port) { return host + ":" + std::to_string(port); };
  std::vector<std::string> all{
      "server.listen=" + at(address, kServicePort), "admin.listen=127.0.0.1:0", "server.state_dir=" + state,
      "server.processors=1", "log.access=off", "server.drain_timeout=2s",
      // Each request comes on a connection of its own, to be balanced and resumed.
      "server.keepalive_timeout=50ms",
      // A balancer hides its clients' addresses.
      "limits.connections=1000000", "limits.connections_per_address=1000000", "auction.rubis_client=true",
      "tls.certificate=" + certificate,
      "tls.private_key=" + std::filesystem::path(certificate).replace_extension(".key").string()};
  if (migration) {
    std::string peers;
    for (unsigned other = 1; other <= plan_.members; ++other)
      peers += (peers.empty() ? "" : ",") + at(Rig::member_address(other), kPeerPort);
    const std::string pki = folder_ + "/pki/";
    all.insert(all.end(),
               {"cluster.listen=" + at(address, kPeerPort), "cluster.peers=" + peers,
                "cluster.authority=" + pki + "authority.pem", "cluster.certificate=" + pki + node + ".pem",
                "cluster.private_key=" + pki + node + "-key.pem", "cluster.join_timeout=1s"});
  }
  all.insert(all.end(), options_.settings.begin(), options_.settings.end());
  return all;
}

ClusterBench::Children ClusterBench::start_members(bool migration) {
  Children members;
  for (unsigned member = 1; member <= plan_.members; ++member) {
    const std::string state = folder_ + "/" + Rig::member_node(member);
    std::filesystem::remove_all(state);
    std::filesystem::create_directory(state);
    kit_.copy_database(state);
    std::vector<std::string> command{kit_.binary(), "serve"};
    for (auto& setting : settings_of(member, state, migration))
      command.insert(command.end(), {"--set", std::move(setting)});
    members.push_back(
        std::make_unique<Child>(ChildOptions{.command = rig_.in(Rig::member_node(member), std::move(command)),
                                             .directory = state,
                                             .cpus = cpus_.server}));
    await_ready(*members.back(), stop_, [](std::string_view) {});
  }
  if (migration) pause(kAcquaintance_s, members);
  return members;
}

std::vector<double> ClusterBench::cpu_of(const Children& members) const {
  std::vector<double> all;
  for (const auto& member : members) all.push_back(member->cpu_seconds().value_or(0));
  return all;
}

/// In slices, as somebody may stop the lab and members may end.
void ClusterBench::pause(double seconds, const Children& members) {
  const auto began = Clock::now();
  while (seconds_since(began) < seconds) {
    std::this_thread::sleep_for(std::min<std::chrono::duration<double>>(
        kSlice, std::chrono::duration<double>(seconds - seconds_since(began))));
    if (stop_) throw RunError("the lab was stopped");
    for (const auto& member : members)
      if (member->ending())
        throw RunError("a member ended by itself: " + *member->ending() + " (" + member->complaint() + ")");
  }
}

// Balancer and load. -------------------------------------------------------------------------------

/// Null when the kernel balances.
std::unique_ptr<Child> ClusterBench::balance(Scheme scheme) {
  auto words = rig_words(scheme);
  if (!words.empty()) {
    words.insert(words.begin(), std::to_string(kServicePort));
    rig_.tell("balance", words);
    return nullptr;
  }
  // Its listener is behind the kernel's, which must not take its connections.
  rig_.tell("unbalance", {std::to_string(kServicePort)});
  std::vector<std::string> members;
  for (unsigned member = 1; member <= plan_.members; ++member)
    members.push_back(Rig::member_address(member) + ":" + std::to_string(kServicePort));
  const std::string file = folder_ + "/haproxy.cfg";
  std::ofstream(file) << haproxy_config(scheme, Rig::balancer_address(), members);
  auto haproxy =
      std::make_unique<Child>(ChildOptions{.command = rig_.in("balancer", {kHaproxy, "-db", "-f", file}),
                                           .directory = new_folder("haproxy"),
                                           .cpus = cpus_.generator});
  for (const auto began = Clock::now(); !listens(haproxy->pid(), kServicePort);) {
    if (haproxy->wait_until(Clock::now() + kSlice) || seconds_since(began) > kPatience_s)
      throw RunError("HAProxy does not start: " + haproxy->complaint());
  }
  return haproxy;
}

std::string ClusterBench::new_folder(const std::string& of) {
  return kit_.folder().make(of + "-" + std::to_string(++started_));
}

std::string ClusterBench::result_file(bool heavy) const {
  return folder_ + (heavy ? "/heavy.json" : "/light.json");
}

std::unique_ptr<Child> ClusterBench::start_load(bool heavy, double rate, double warmup_s, double window_s,
                                                const std::vector<std::string>& sources) {
  const SessionKind& kind = heavy ? plan_.heavy : plan_.light;
  std::filesystem::remove(result_file(heavy));
  std::vector<std::string> command{"/proc/self/exe",
                                   "run",
                                   "--target",
                                   "https://" + Rig::balancer_address(),
                                   "--insecure",
                                   "--quiet",
                                   "--rate",
                                   report::plain(rate),
                                   "--warmup",
                                   report::plain_seconds(warmup_s),
                                   "--duration",
                                   report::plain_seconds(warmup_s + window_s),
                                   "--timeout",
                                   report::plain_seconds(plan_.timeout_s),
                                   "--model",
                                   model_,
                                   "--session-length",
                                   std::to_string(kind.requests),
                                   "--think",
                                   "exp:" + report::plain_seconds(kind.think_s),
                                   "--shop-users",
                                   std::to_string(plan_.shop_users),
                                   "--shop-items",
                                   std::to_string(plan_.shop_items),
                                   "--tls",
                                   plan_.tls,
                                   "--resume",
                                   plan_.resume,
                                   "--seed",
                                   std::to_string(options_.seed + (heavy ? 1 : 0)),
                                   "--json",
                                   result_file(heavy)};
  std::error_code error;
  command.front() = std::filesystem::read_symlink("/proc/self/exe", error).string();
  for (const std::string& source : sources) command.insert(command.end(), {"--source", source});
  return std::make_unique<Child>(ChildOptions{.command = rig_.in("client", std::move(command)),
                                              .directory = new_folder(heavy ? "heavy" : "light"),
                                              .cpus = cpus_.generator});
}

Result ClusterBench::result_of(Child& load, bool heavy) {
  const auto patience =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(plan_.timeout_s + 20));
  if (!load.wait_until(Clock::now() + patience)) throw RunError("the generator does not end");
  if (!std::filesystem::exists(result_file(heavy)))
    throw RunError("the generator has no result: " + load.complaint());
  return read_result(result_file(heavy));
}

// Measurements. ------------------------------------------------------------------------------------

ClusterMeasurement ClusterBench::measure(const ClusterCase& what, const ClusterLoad& load) {
  const Children members = start_members(what.migration);
  const auto balancer = balance(what.scheme);
  std::vector<std::pair<bool, std::unique_ptr<Child>>> loads;
  loads.emplace_back(
      false, start_load(false, load.light, plan_.warmup_s, plan_.window_s, light_sources(what.clients)));
  if (load.heavy > 0)
    loads.emplace_back(true, start_load(true, load.heavy, plan_.warmup_s, plan_.window_s, heavy_sources()));
  pause(plan_.warmup_s, members);
  const auto began = Clock::now();
  const auto before = cpu_of(members);
  pause(plan_.window_s, members);
  const double took = seconds_since(began);
  ClusterMeasurement measurement{.what = what, .cpu = cpu_of(members)};
  for (std::size_t i = 0; i < members.size(); ++i)
    measurement.cpu[i] = (measurement.cpu[i] - before[i]) / took;
  for (auto& [heavy, child] : loads) measurement.results.push_back(result_of(*child, heavy));
  for (const auto& member : members) member->stop(kStopTime);
  return measurement;
}

double ClusterBench::cost_of(bool heavy) {
  const Children members = start_members(true);
  balance(Scheme::round_robin);
  const SessionKind& kind = heavy ? plan_.heavy : plan_.light;
  // Work is dearer the less there is of it, so it is measured again at the rate that the last cost means.
  double cost = 0;
  double rate = heavy ? kCalibrationRate * plan_.light.requests / kind.requests : kCalibrationRate;
  for (unsigned round = 0; round < kCalibrations; ++round) {
    cost = cost_at(rate, heavy, members);
    rate = plan_.offered * plan_.cpus * plan_.members / cost;
  }
  for (const auto& member : members) member->stop(kStopTime);
  return cost;
}

double ClusterBench::cost_at(double rate, bool heavy, const Children& members) {
  const SessionKind& kind = heavy ? plan_.heavy : plan_.light;
  const double warmup_s = 2 * kind.requests * kind.think_s;
  const auto load = start_load(heavy, rate, warmup_s, plan_.calibration_s, light_sources(Clients::even));
  pause(warmup_s, members);
  const auto before = cpu_of(members);
  pause(plan_.calibration_s, members);
  const auto after = cpu_of(members);
  double used = 0;
  for (std::size_t i = 0; i < after.size(); ++i) used += after[i] - before[i];
  const auto replies = static_cast<double>(result_of(*load, heavy).window.requests.ok);
  if (replies == 0) throw RunError("no member answers through the balancer");
  return used / replies * kind.requests;  // few long sessions end in the window
}

}  // namespace sluice::loadgen::lab
