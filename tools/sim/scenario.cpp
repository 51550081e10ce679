#include "tools/sim/scenario.hpp"

#include <algorithm>

namespace sluice::tools {

namespace {

constexpr double kCpusMax = 65'536;
constexpr double kBusiest_s = 1e-9;

double last_before(const std::vector<Change>& changes, double t, double first) noexcept {
  double value = first, since = -1;
  for (const Change& change : changes) {
    if (change.at_s <= t && change.at_s >= since) value = change.value, since = change.at_s;
  }
  return value;
}

}  // namespace

double Scenario::resumptions() const noexcept {
  return (visitors.requests.mean - 1) * visitors.think.above(machine.keepalive_s);
}

double Scenario::session_s(double cost_factor) const noexcept {
  const double connections = 1 + resumptions();
  const double sum = costs.full_s + visitors.requests.mean * costs.request.mean_s * cost_factor +
                     resumptions() * costs.resumed_s + connections * costs.accept_s;
  return std::max(sum, kBusiest_s);
}

double Scenario::cpus_at(double t) const noexcept { return last_before(cpu_counts, t, machine.cpus); }

double Scenario::cost_factor_at(double t) const noexcept { return last_before(cost_factors, t, 1); }

bool Scenario::limits() const noexcept {
  return admission.policy == admission::Policy::paper ||
         admission.policy == admission::Policy::session_budget;
}

std::string Scenario::problem() const {
  if (!(machine.cpus > 0 && machine.cpus <= kCpusMax))
    return "a machine has more than 0 and at most 65536 CPUs";
  for (const Change& change : cpu_counts) {
    if (change.value > kCpusMax) return "a machine has at most 65536 CPUs";
  }
  if (machine.processors > kCpusMax) return "there are at most 65536 processors";
  if (!(profile.peak() > 0)) return "nobody comes: give --rate, --load or --profile";
  if (costs.request.mean_s <= 0) return "a request costs something";
  if (visitors.timeout_s <= 0) return "a client waits for longer than no time";
  if (!(duration_s > warmup_s)) return "the warm-up takes the whole duration";
  if (period_s < 0.001) return "a control period is at least 1ms";
  return {};
}

Scenario preset(std::string_view name) {
  Scenario scenario;
  if (name == "today") return scenario;
  if (name == "paper2005") {
    scenario.machine.cpus = 4;
    scenario.costs.full_s = 175e-3;
    scenario.costs.resumed_s = 2e-3;
    scenario.costs.request.mean_s = 5e-3;
    return scenario;
  }
  if (name == "no-think") {
    scenario.machine.cpus = 0.25;
    scenario.costs.full_s = 0.4e-3;
    scenario.costs.resumed_s = 0.027e-3;
    scenario.costs.request.mean_s = 0.06e-3;
    scenario.visitors.requests = {false, 5};
    scenario.visitors.think = {};
    scenario.visitors.timeout_s = 1;
    scenario.duration_s = 60;
    scenario.warmup_s = 10;
    return scenario;
  }
  if (name == "member") {  // as it was measured for docs/cluster.md: RSA-2048, 0.76 ms a session
    scenario.machine.cpus = 0.15;
    scenario.costs.full_s = 0.44e-3;
    scenario.costs.request.mean_s = 0.04e-3;
    scenario.visitors.requests = {true, 8};
    scenario.visitors.think.mean_s = 0.5;
    scenario.visitors.timeout_s = 3;
    scenario.duration_s = 60;
    scenario.warmup_s = 30;
    return scenario;
  }
  throw UsageError("--preset '" + std::string(name.substr(0, 80)) + "' is none of " + std::string(kPresets));
}

}  // namespace sluice::tools
