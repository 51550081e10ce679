#include "tools/replay_options.hpp"

#include <array>
#include <cmath>
#include <utility>

namespace sluice::tools {

namespace {

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
void take_load(const SimulateWords& words, Scenario& scenario, unsigned machines) {
  const double capacity = machines * scenario.capacity(scenario.machine.cpus);
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

/// "3@60s": people count from 1.
Fault fault_or_throw(const std::string& text, Fault::Kind kind, const std::string& option) {
  const Change change = Change::parse(text, option);
  return {kind, whole_or_throw(text.substr(0, text.find('@')), option) - 1, change.at_s};
}

void take_balancer(const ClusterWords& words, ClusterScenario& cluster) {
  if (words.balancer != "round-robin" && words.balancer != "hash")
    throw UsageError("--balancer '" + words.balancer + "' is neither round-robin nor hash");
  if (words.balancer == "hash") cluster.balancer = Balancer::hash;
  cluster.addresses = whole_or_throw(words.addresses, "--addresses");
  if (words.skew.empty() && words.hot.empty()) return;
  if (words.skew.empty()) throw UsageError("--hot says for which members --skew is: give that, too");
  if (words.balancer == "hash") throw UsageError("--skew and --balancer hash exclude each other");
  cluster.balancer = Balancer::skew;
  cluster.skew = number_or_throw(words.skew, "--skew");
  cluster.hot = words.hot.empty() ? (cluster.members + 2) / 3 : whole_or_throw(words.hot, "--hot");
}

}  // namespace

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

Scenario scenario_from(const SimulateWords& words, unsigned machines) {
  Scenario scenario = preset(words.preset);
  scenario.admission = settings_from(words.policy);
  take_machine(words, scenario.machine);
  take_costs(words, scenario.costs);
  take_visitors(words, scenario.visitors);
  take_load(words, scenario, machines);
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

ClusterScenario cluster_scenario_from(const ClusterWords& words) {
  ClusterScenario cluster;
  cluster.members = whole_or_throw(words.members, "--members");
  take_balancer(words, cluster);
  cluster.delegate = !words.no_delegation;
  cluster.share_takes = !words.unshared;
  cluster.relay_s = duration_or_throw(words.relay, "--relay");
  cluster.delay_s = duration_or_throw(words.delay, "--delay");
  cluster.loss = number_or_throw(words.loss, "--loss");
  for (const auto& text : words.kills)
    cluster.faults.push_back(fault_or_throw(text, Fault::Kind::kill, "--kill"));
  for (const auto& text : words.partitions)
    cluster.faults.push_back(fault_or_throw(text, Fault::Kind::partition, "--partition"));
  SimulateWords each = words.each;
  if (each.rate.empty() && each.load.empty() && each.profile.empty()) each.load = "0.9";
  const auto check = [&] {
    const std::string problem = cluster.problem();
    if (!problem.empty()) throw UsageError(problem);
  };
  cluster.each.profile = Profile::constant(1);
  check();  // before a load is a multiple of what no members can do
  cluster.each = scenario_from(each, cluster.members);
  check();
  return cluster;
}

}  // namespace sluice::tools
