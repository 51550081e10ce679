#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>

#include "tools/samples.hpp"
#include "tools/sim/report.hpp"
#include "tools/sim/simulation.hpp"

namespace sluice::tools {
namespace {

enum Exit { kOk = 0, kFailed = 1, kUsage = 2 };

/// Options as they were written.
struct PolicyWords {
  std::string policy = "session-budget", paper_cost = "connection";
  std::string paper_interval = "2s", paper_new = "0", paper_resumed = "0";
  std::vector<std::string> budget;
};

struct SimulateWords {
  PolicyWords policy{};
  std::string preset = "today";
  std::string cpus, processors, backlog, keepalive, sessions_first, notice_gone;
  std::string full, resumed, request, refusal, accept;
  std::string requests, think, timeout, retry;
  bool goodbye = false;
  std::string rate, load, profile, duration, warmup, park, table;
  std::vector<std::string> cost_factors, cpu_counts;
  std::uint64_t seed = 1;
  std::string csv, json;
};

double number_or_throw(const std::string& text, const std::string& option) {
  const auto value = parse_number(text);
  if (!value) throw UsageError(option + " '" + text + "' is not a number");
  return *value;
}

/// "utilization=0.9".
void take_budget(const std::string& text, admission::BudgetSettings& budget) {
  using Budget = admission::BudgetSettings;
  static constexpr std::array<std::pair<std::string_view, double Budget::*>, 6> kKeys{
      {{"utilization", &Budget::utilization},
       {"response_target_s", &Budget::response_target_s},
       {"fill_max_s", &Budget::fill_max_s},
       {"demand_memory_s", &Budget::demand_memory_s},
       {"cost_memory_s", &Budget::cost_memory_s},
       {"shed_delay_s", &Budget::shed_delay_s}}};
  const auto equals = text.find('=');
  for (const auto& [key, field] : kKeys) {
    if (equals == std::string::npos || text.substr(0, equals) != key) continue;
    budget.*field = number_or_throw(text.substr(equals + 1), "--budget");
    if (budget.*field > 0) return;
  }
  std::string known;
  for (const auto& [key, field] : kKeys) known += (known.empty() ? "" : ", ") + std::string(key);
  throw UsageError("--budget '" + text + "' is not a number above 0 for one of " + known);
}

admission::Settings settings_from(const PolicyWords& words) {
  admission::Settings settings;
  const auto policy = admission::parse_policy(words.policy);
  if (!policy)
    throw UsageError("--policy '" + words.policy + "' is none of session-budget, paper, observe, off");
  settings.policy = *policy;
  if (words.paper_cost != "handshake" && words.paper_cost != "connection")
    throw UsageError("--paper-cost '" + words.paper_cost + "' is none of handshake, connection");
  settings.paper.cost =
      words.paper_cost == "handshake" ? admission::PaperCost::handshake : admission::PaperCost::connection;
  settings.paper.interval_s = duration_or_throw(words.paper_interval, "--paper-interval");
  settings.paper.new_s = duration_or_throw(words.paper_new, "--paper-new");
  settings.paper.resumed_s = duration_or_throw(words.paper_resumed, "--paper-resumed");
  for (const auto& text : words.budget) take_budget(text, settings.budget);
  return settings;
}

unsigned whole_or_throw(const std::string& text, const std::string& option) {
  const double value = number_or_throw(text, option);
  if (value > 1e9 || value != std::floor(value))
    throw UsageError(option + " '" + text + "' is not a whole number");
  return static_cast<unsigned>(value);
}

bool yes_or_throw(const std::string& text, const std::string& option) {
  if (text == "yes" || text == "no") return text == "yes";
  throw UsageError(option + " '" + text + "' is neither yes nor no");
}

void take_machine(const SimulateWords& words, Machine& machine) {
  if (!words.cpus.empty()) machine.cpus = number_or_throw(words.cpus, "--cpus");
  if (!words.processors.empty()) machine.processors = whole_or_throw(words.processors, "--processors");
  if (!words.backlog.empty()) machine.backlog = whole_or_throw(words.backlog, "--backlog");
  if (!words.keepalive.empty()) machine.keepalive_s = duration_or_throw(words.keepalive, "--keepalive");
  if (!words.table.empty()) machine.table = whole_or_throw(words.table, "--table");
  if (!words.sessions_first.empty())
    machine.sessions_first = yes_or_throw(words.sessions_first, "--sessions-first");
  if (!words.notice_gone.empty()) machine.notice_gone = yes_or_throw(words.notice_gone, "--notice-gone");
}

void take_costs(const SimulateWords& words, Costs& costs) {
  if (!words.full.empty()) costs.full_s = duration_or_throw(words.full, "--full");
  if (!words.resumed.empty()) costs.resumed_s = duration_or_throw(words.resumed, "--resumed");
  if (!words.request.empty()) costs.request = Distribution::parse(words.request, "--request");
  if (!words.refusal.empty()) costs.refusal_s = duration_or_throw(words.refusal, "--refusal");
  if (!words.accept.empty()) costs.accept_s = duration_or_throw(words.accept, "--accept");
}

void take_visitors(const SimulateWords& words, Visitors& visitors) {
  if (!words.requests.empty()) visitors.requests = Count::parse(words.requests, "--requests");
  if (!words.think.empty()) visitors.think = Distribution::parse(words.think, "--think");
  if (!words.timeout.empty()) visitors.timeout_s = duration_or_throw(words.timeout, "--timeout");
  visitors.says_goodbye = words.goodbye;
  if (words.retry.empty()) return;
  if (words.retry != "none" && words.retry != "browser")
    throw UsageError("--retry '" + words.retry + "' is neither none nor browser");
  visitors.retry = words.retry == "browser" ? Retry::browser : Retry::none;
}

/// The capacity that "2x" refers to is that of the machine as it begins.
void take_load(const SimulateWords& words, Scenario& scenario) {
  const double capacity = scenario.capacity(scenario.machine.cpus);
  const int given = !words.rate.empty() + !words.load.empty() + !words.profile.empty();
  if (given != 1) throw UsageError("say with one of --rate, --load and --profile how many come");
  if (!words.rate.empty()) scenario.profile = Profile::constant(number_or_throw(words.rate, "--rate"));
  if (!words.load.empty())
    scenario.profile = Profile::constant(capacity * number_or_throw(words.load, "--load"));
  if (!words.profile.empty()) {
    scenario.profile = Profile::parse(words.profile, capacity);
    scenario.duration_s = scenario.profile.length_s();
    scenario.warmup_s = 0;
  }
  if (!words.duration.empty()) scenario.duration_s = duration_or_throw(words.duration, "--duration");
  if (!words.warmup.empty()) scenario.warmup_s = duration_or_throw(words.warmup, "--warmup");
}

Scenario scenario_from(const SimulateWords& words) {
  Scenario scenario = preset(words.preset);
  scenario.admission = settings_from(words.policy);
  take_machine(words, scenario.machine);
  take_costs(words, scenario.costs);
  take_visitors(words, scenario.visitors);
  take_load(words, scenario);
  for (const auto& text : words.cost_factors)
    scenario.cost_factors.push_back(Change::parse(text, "--cost-factor"));
  for (const auto& text : words.cpu_counts) scenario.cpu_counts.push_back(Change::parse(text, "--cpus-at"));
  if (!words.park.empty())
    scenario.gate.park_max =
        std::chrono::milliseconds{std::llround(1e3 * duration_or_throw(words.park, "--park"))};
  scenario.seed = words.seed;
  const std::string problem = scenario.problem();
  if (!problem.empty()) throw UsageError(problem);
  return scenario;
}

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

void add_simulate_options(CLI::App& app, SimulateWords& words) {
  app.add_option("--preset", words.preset, "Where to begin: " + std::string(kPresets))->capture_default_str();
  add_policy_options(app, words.policy);
  add_machine_options(app, words);
  add_cost_options(app, words);
  add_visitor_options(app, words);
  app.add_option("--duration", words.duration, "Simulated time; if not given, the profile's or the preset's");
  app.add_option("--warmup", words.warmup, "This much of it is not part of the figures");
  app.add_option("--seed", words.seed, "The same seed gives the same result")->capture_default_str();
  app.add_option("--csv", words.csv, "Write a line for each second to this file");
  app.add_option("--json", words.json, "Write the figures to this file");
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
