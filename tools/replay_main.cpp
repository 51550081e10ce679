#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>

#include "tools/replay_options.hpp"
#include "tools/samples.hpp"
#include "tools/sim/cluster_report.hpp"
#include "tools/sim/cluster_simulation.hpp"
#include "tools/sim/mesh_cost.hpp"
#include "tools/sim/report.hpp"
#include "tools/sim/simulation.hpp"

namespace sluice::tools {
namespace {

enum Exit { kOk = 0, kFailed = 1, kUsage = 2 };

void write_file(const std::string& name, const std::string& text) {
  std::ofstream file(name, std::ios::binary);
  file << text << std::flush;
  if (!file) throw std::runtime_error("can't write " + name);
}

/// A line on the terminal, once it takes long enough for somebody to wonder.
class Progress {
 public:
  explicit Progress(double duration_s) : duration_s_(duration_s) {}
  ~Progress() {
    if (shown_) std::cerr << "\r\x1b[K" << std::flush;
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(double simulated_s) {
    const auto now = Monotonic::now();
    if (!terminal_ || now < next_) return;
    next_ = now + std::chrono::milliseconds{500};
    shown_ = true;
    std::cerr << "\r" << std::llround(100 * simulated_s / duration_s_) << "% of " << duration_s_ << " s"
              << std::flush;
  }

 private:
  const double duration_s_;
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  Monotonic::time_point next_ = Monotonic::now() + std::chrono::seconds{3};
  bool shown_ = false;
};

int simulate_command(const SimulateWords& words) {
  const Scenario scenario = scenario_from(words);
  Result result;
  {
    Progress progress(scenario.duration_s);
    result = Simulation(scenario).run([&](double t) { progress.show(t); });
  }
  std::cout << summary(scenario, result) << std::flush;
  if (!words.csv.empty()) write_file(words.csv, csv(result.seconds));
  if (!words.json.empty()) write_file(words.json, json_text(scenario, result));
  return kOk;
}

int cluster_command(const ClusterWords& words) {
  const ClusterScenario scenario = cluster_scenario_from(words);
  ClusterResult result;
  {
    Progress progress(scenario.each.duration_s);
    result = ClusterSimulation(scenario).run([&](double t) { progress.show(t); });
  }
  std::cout << summary(scenario, result) << std::flush;
  if (!words.each.csv.empty()) write_file(words.each.csv, csv(result.seconds));
  if (!words.each.json.empty()) write_file(words.each.json, json_text(scenario, result));
  return kOk;
}

int mesh_command() {
  std::cout << mesh_table() << std::flush;
  return kOk;
}

int samples_command(const std::string& name, const PolicyWords& words, bool as_csv) {
  const admission::Settings settings = settings_from(words);
  std::ifstream in(name);
  if (!in) throw std::runtime_error("can't read " + name);
  const admission::SampleFile file = admission::read_csv(in);
  if (!file.problem.empty()) throw std::runtime_error(name + ": " + file.problem);
  const auto decisions = decide_all(settings, file.samples);
  std::cout << (as_csv ? csv(decisions) : table(decisions)) << std::flush;
  return kOk;
}

void add_policy_options(CLI::App& app, PolicyWords& words) {
  const auto group = "Who may come in";
  app.add_option("--policy", words.policy, "session-budget, paper, observe, off")
      ->capture_default_str()
      ->group(group);
  app.add_option("--budget", words.budget,
                 "A setting of session-budget: utilization=0.9, response_target_s=0.2, ...")
      ->group(group);
  app.add_option("--paper-cost", words.paper_cost,
                 "What a connection costs: handshake, or all of the connection")
      ->capture_default_str()
      ->group(group);
  app.add_option("--paper-interval", words.paper_interval, "The paper's k")
      ->capture_default_str()
      ->group(group);
  app.add_option("--paper-new", words.paper_new, "The paper's CTN; 0: measured")
      ->capture_default_str()
      ->group(group);
  app.add_option("--paper-resumed", words.paper_resumed, "The paper's CTO; 0: measured")
      ->capture_default_str()
      ->group(group);
}

void add_machine_options(CLI::App& app, SimulateWords& words) {
  const auto group = "The machine; what is not given is the preset's";
  app.add_option("--cpus", words.cpus, "CPUs; a part of one is a slower one")->group(group);
  app.add_option("--cpus-at", words.cpu_counts, "CPUs from then on: 1@150s")->group(group);
  app.add_option("--processors", words.processors, "Event loops with a gate each; 0: as many as CPUs")
      ->group(group);
  app.add_option("--backlog", words.backlog, "Connections waiting to be accepted by a processor; 0: no bound")
      ->group(group);
  app.add_option("--keepalive", words.keepalive, "An idle connection is closed after it")->group(group);
  app.add_option("--park", words.park, "Longest wait at the gate")->group(group);
  app.add_option("--table", words.table, "Sessions remembered")->group(group);
  app.add_option("--sessions-first", words.sessions_first,
                 "Requests before handshakes: yes or no; if not given, with a policy that limits")
      ->group(group);
  app.add_option(
         "--notice-gone", words.notice_gone,
         "No handshake for clients that have gone: yes or no; if not given, with a policy that limits")
      ->group(group);
}

void add_cost_options(CLI::App& app, SimulateWords& words) {
  const auto group = "CPU time of work";
  app.add_option("--full", words.full, "A full handshake")->group(group);
  app.add_option("--resumed", words.resumed, "A resumed handshake")->group(group);
  app.add_option("--request", words.request, "A request: exp:0.5ms, const:2ms, lognormal:2ms,cv=3")
      ->group(group);
  app.add_option("--refusal", words.refusal, "Refusing a newcomer")->group(group);
  app.add_option("--accept", words.accept, "Accepting a connection and reading its hello")->group(group);
  app.add_option("--cost-factor", words.cost_factors,
                 "Requests cost so many times as much from then on: 4@150s")
      ->group(group);
}

void add_visitor_options(CLI::App& app, SimulateWords& words) {
  const auto group = "Visitors";
  app.add_option("--rate", words.rate, "New visitors per second")->group(group);
  app.add_option("--load", words.load, "The same as a multiple of the capacity")->group(group);
  app.add_option("--profile", words.profile,
                 "Over time: 'step 0.5x/60s, ramp 10..80/120s, spike 200/5s, hold/30s'")
      ->group(group);
  app.add_option("--requests", words.requests, "Requests of a session: 15 or geom:15")->group(group);
  app.add_option("--think", words.think, "Between an answer and the next request: exp:7s, const:1s, 0")
      ->group(group);
  app.add_option("--timeout", words.timeout, "A client gives up on a request after it")->group(group);
  app.add_option("--retry", words.retry, "After a refusal they come back: none, browser")->group(group);
  app.add_flag("--goodbye", words.goodbye, "Clients close their connection when their visit ends")
      ->group(group);
}

void add_run_options(CLI::App& app, SimulateWords& words) {
  app.add_option("--duration", words.duration, "Simulated time; if not given, the profile's or the preset's");
  app.add_option("--warmup", words.warmup, "This much of it is not part of the figures");
  app.add_option("--seed", words.seed, "The same seed gives the same result")->capture_default_str();
  app.add_option("--csv", words.csv, "Write a line for each second to this file");
  app.add_option("--json", words.json, "Write the figures to this file");
}

void add_simulate_options(CLI::App& app, SimulateWords& words) {
  app.add_option("--preset", words.preset, "Where to begin: " + std::string(kPresets))->capture_default_str();
  add_policy_options(app, words.policy);
  add_machine_options(app, words);
  add_cost_options(app, words);
  add_visitor_options(app, words);
  add_run_options(app, words);
}

void add_balancer_options(CLI::App& app, ClusterWords& words) {
  const auto group = "The balancer in front";
  app.add_option("--balancer", words.balancer, "round-robin, or hash: by the client's address")
      ->capture_default_str()
      ->group(group);
  app.add_option("--addresses", words.addresses, "Of clients, for hash")->capture_default_str()->group(group);
  app.add_option("--skew", words.skew, "This share of newcomers comes to the first members: 0.8")
      ->group(group);
  app.add_option("--hot", words.hot, "To how many; if not given, to a third")->group(group);
}

void add_member_options(CLI::App& app, SimulateWords& words) {
  const auto group = "Each member; what is not given is the preset's";
  app.add_option("--preset", words.preset, "Where to begin: " + std::string(kPresets))
      ->capture_default_str()
      ->group(group);
  app.add_option("--cpus", words.cpus, "CPUs; a part of one is a slower one")->group(group);
  app.add_option("--full", words.full, "CPU time of a full handshake")->group(group);
  app.add_option("--request", words.request, "Of a request: exp:0.5ms, const:2ms, lognormal:2ms,cv=3")
      ->group(group);
  app.add_option("--refusal", words.refusal, "Of refusing a newcomer")->group(group);
  app.add_option("--park", words.park, "Longest wait at the gate")->group(group);
}

void add_between_options(CLI::App& app, ClusterWords& words) {
  const auto group = "Between members";
  app.add_option("--relay", words.relay, "CPU time that a session takes at the member that relays it")
      ->capture_default_str()
      ->group(group);
  app.add_option("--delay", words.delay, "Of the network, one way")->capture_default_str()->group(group);
  app.add_option("--loss", words.loss, "Share of digests that do not arrive")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--no-delegation", words.no_delegation, "Everybody is served or refused where they arrive")
      ->group(group);
  app.add_flag("--unshared", words.unshared,
               "For comparison: each sender takes all that a member says it takes to be for itself")
      ->group(group);
  app.add_option("--kill", words.kills, "The member is gone from then on: 3@60s")->group(group);
  app.add_option("--partition", words.partitions, "It is cut off from the others, not from clients: 3@60s")
      ->group(group);
}

void add_crowd_options(CLI::App& app, SimulateWords& words) {
  const auto group = "Visitors";
  app.add_option("--rate", words.rate, "New visitors per second, of the whole cluster")->group(group);
  app.add_option("--load", words.load, "The same as a multiple of its capacity; 0.9 if nothing is given")
      ->group(group);
  app.add_option("--profile", words.profile,
                 "Over time: 'step 0.5x/60s, ramp 10..80/120s, spike 200/5s, hold/30s'")
      ->group(group);
  app.add_option("--requests", words.requests, "Requests of a session: 15 or geom:15")->group(group);
  app.add_option("--think", words.think, "Between an answer and the next request: exp:7s, const:1s, 0")
      ->group(group);
  app.add_option("--timeout", words.timeout, "A client gives up on a request after it")->group(group);
}

void add_cluster_options(CLI::App& app, ClusterWords& words) {
  app.add_option("--members", words.members, "1 to 512")->capture_default_str();
  add_balancer_options(app, words);
  add_between_options(app, words);
  add_policy_options(app, words.each.policy);
  add_member_options(app, words.each);
  add_crowd_options(app, words.each);
  add_run_options(app, words.each);
}

int say(const std::exception& error, Exit code) {
  std::cerr << "sluice-replay: " << error.what() << ".\n";
  return code;
}

}  // namespace

int command_line(int argc, char** argv) {
  CLI::App app{"Shows what Sluice's admission control decides, without a server.", "sluice-replay"};
  app.set_version_flag("--version", "sluice-replay " SLUICE_VERSION);
  app.require_subcommand(1);
  int code = kOk;

  PolicyWords policy;
  std::string file;
  bool as_csv = false;
  auto* samples = app.add_subcommand("samples", "Decisions on samples that a server recorded");
  samples->add_option("FILE", file, "CSV, as the server writes it")->required();
  add_policy_options(*samples, policy);
  samples->add_flag("--csv", as_csv, "CSV instead of a table");
  samples->callback([&] { code = samples_command(file, policy, as_csv); });

  SimulateWords words;
  auto* simulate = app.add_subcommand("simulate", "A server under visitors, in simulated time");
  add_simulate_options(*simulate, words);
  simulate->callback([&] { code = simulate_command(words); });

  ClusterWords members;
  auto* cluster = app.add_subcommand("cluster", "Members of a cluster behind a balancer, in simulated time");
  add_cluster_options(*cluster, members);
  bool mesh = false;
  cluster->add_flag("--mesh", mesh, "Only show what the connections between members take, by their number");
  cluster->callback([&] { code = mesh ? mesh_command() : cluster_command(members); });

  try {
    app.parse(argc, argv);
    return code;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  } catch (const UsageError& error) {
    return say(error, kUsage);
  } catch (const std::exception& error) {
    return say(error, kFailed);
  }
}

}  // namespace sluice::tools

int main(int argc, char** argv) { return sluice::tools::command_line(argc, argv); }
