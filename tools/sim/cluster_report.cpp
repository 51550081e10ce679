#include "tools/sim/cluster_report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "tools/sim/mesh_cost.hpp"

namespace sluice::tools {

namespace {

namespace json = boost::json;

double share(double part, double whole) noexcept { return whole > 0 ? part / whole : 0; }

double seconds(Histogram::Duration value) noexcept { return std::chrono::duration<double>(value).count(); }

template <class... Numbers>
std::string line(const char* format, Numbers... numbers) {
  std::array<char, 256> text{};
  const int size = std::snprintf(text.data(), text.size(), format, numbers...);
  return {text.data(), static_cast<std::size_t>(std::clamp(size, 0, 255))};
}

/// The figures people ask for first.
struct Figures {
  double offered = 0, admitted = 0, completed = 0, refused = 0, lost = 0, relayed = 0;  // per second
  double of_possible = 0, of_offered_relayed = 0, of_relayed_refused = 0, in_vain = 0;
  double cpu_min = 0, cpu_median = 0, cpu_max = 0, cpu_mean = 0;
  double crowding_p50 = 0, crowding_p99 = 0, crowding_max = 0;
  double p50_s = 0, p99_s = 0;
};

Figures figures_of(const ClusterResult& result) noexcept {
  const ClusterFates& fates = result.measured;
  const auto per_s = [&](double count) { return share(count, result.measured_s); };
  Figures f;
  f.offered = per_s(fates.visitors), f.admitted = per_s(fates.admitted);
  f.completed = per_s(fates.completed), f.refused = per_s(fates.turned_away + fates.gave_up);
  f.lost = per_s(fates.abandoned + fates.shed + fates.lost_inside), f.relayed = per_s(fates.relayed);
  f.of_possible = share(f.completed, std::min(result.capacity, f.offered));
  f.of_offered_relayed = share(fates.relayed, fates.visitors);
  f.of_relayed_refused = share(fates.relayed_refused, fates.relayed);
  f.in_vain = fates.in_vain;
  f.cpu_min = quantile(result.member_cpu, 0), f.cpu_median = quantile(result.member_cpu, 0.5);
  f.cpu_max = quantile(result.member_cpu, 1);
  for (const double cpu : result.member_cpu) f.cpu_mean += cpu;
  f.cpu_mean = share(f.cpu_mean, static_cast<double>(result.member_cpu.size()));
  f.crowding_p50 = quantile(result.crowding, 0.5), f.crowding_p99 = quantile(result.crowding, 0.99);
  f.crowding_max = quantile(result.crowding, 1);
  f.p50_s = seconds(result.responses.quantile(0.5)), f.p99_s = seconds(result.responses.quantile(0.99));
  return f;
}

std::string balancer_text(const ClusterScenario& scenario) {
  switch (scenario.balancer) {
    case Balancer::round_robin: break;
    case Balancer::hash: return line("hash of %u addresses", scenario.addresses);
    case Balancer::skew:
      return line("%.4g%% of newcomers to %u member%s", 100 * scenario.skew, scenario.hot,
                  scenario.hot == 1 ? "" : "s");
  }
  return "round robin";
}

std::string phase_lines(const ClusterResult& result) {
  std::string text =
      "\n  from s   to s  offered/s  completed/s   lost/s  relayed/s  mean CPU  spread  settled s\n";
  for (const ClusterPhase& phase : result.phases) {
    text += line("  %6.0f %6.0f %10.1f %12.1f %8.2f %10.1f %8.1f%% %6.1f%% %10.0f\n", phase.begins_s,
                 phase.ends_s, phase.offered, phase.completed, phase.lost, phase.relayed,
                 100 * phase.cpu_mean, 100 * phase.cpu_spread, phase.settled_s);
  }
  return text +
         "  spread: of the members' CPU, 5th to 95th percentile, in the last third; settled: within 5 points "
         "of it\n";
}

std::string aftermath_lines(const ClusterResult& result) {
  std::string text;
  for (const Aftermath& aftermath : result.aftermaths) {
    const bool kill = aftermath.fault.kind == Fault::Kind::kill;
    text +=
        line("  member %u %s at %.4g s: %.0f newcomers passed on in vain, the last of them %.2f s later\n",
             aftermath.fault.member + 1, kill ? "killed" : "cut off", aftermath.fault.at_s, aftermath.sent,
             aftermath.until_s);
  }
  return text;
}

std::string mesh_lines(unsigned members) {
  const MeshCost mesh = mesh_cost(members);
  return line(
      "\n  the mesh    %10.0f /s   messages in %.0f connections, %.2f MB/s; of each member %.2f%% of a "
      "CPU and %.0f descriptors\n",
      mesh.messages_per_s, mesh.connections, mesh.bytes_per_s / 1e6, 100 * mesh.cpu, mesh.descriptors);
}

json::array phase_array(const ClusterResult& result) {
  json::array phases;
  for (const ClusterPhase& phase : result.phases) {
    phases.push_back(json::object{{"begins_s", phase.begins_s},
                                  {"ends_s", phase.ends_s},
                                  {"offered_per_s", phase.offered},
                                  {"completed_per_s", phase.completed},
                                  {"lost_per_s", phase.lost},
                                  {"relayed_per_s", phase.relayed},
                                  {"cpu_mean", phase.cpu_mean},
                                  {"cpu_spread", phase.cpu_spread},
                                  {"settled_s", phase.settled_s}});
  }
  return phases;
}

json::array fault_array(const ClusterResult& result) {
  json::array faults;
  for (const Aftermath& aftermath : result.aftermaths) {
    faults.push_back(json::object{{"member", aftermath.fault.member + 1},
                                  {"kind", aftermath.fault.kind == Fault::Kind::kill ? "kill" : "partition"},
                                  {"at_s", aftermath.fault.at_s},
                                  {"in_vain", aftermath.sent},
                                  {"until_s", aftermath.until_s}});
  }
  return faults;
}

}  // namespace

std::string summary(const ClusterScenario& scenario, const ClusterResult& result) {
  const Figures f = figures_of(result);
  const ClusterFates& fates = result.measured;
  const std::string_view policy = admission::name_of(scenario.each.admission.policy);
  std::string text =
      line("%u members, %.*s on %.4g CPUs each, %s, %.4g s of them %.4g s measured, seed %llu\n\n",
           scenario.members, static_cast<int>(policy.size()), policy.data(), scenario.each.machine.cpus,
           balancer_text(scenario).c_str(), scenario.each.duration_s, result.measured_s,
           static_cast<unsigned long long>(scenario.each.seed));
  text += line("  offered     %10.1f /s   %.2f times the capacity\n", f.offered,
               share(f.offered, result.capacity));
  text += line("  admitted    %10.1f /s\n", f.admitted);
  text += line("  completed   %10.1f /s   %.1f%% of what capacity (%.1f/s) and offer allow\n", f.completed,
               100 * f.of_possible, result.capacity);
  text += line("  lost        %10.2f /s   %.0f abandoned, %.0f shed, %.0f with a member\n", f.lost,
               fates.abandoned, fates.shed, fates.lost_inside);
  text += line("  refused     %10.1f /s\n", f.refused);
  text +=
      line("  relayed     %10.1f /s   %.1f%% of all; %.2f%% of them refused there, %.0f passed on in vain\n",
           f.relayed, 100 * f.of_offered_relayed, 100 * f.of_relayed_refused, f.in_vain);
  text += line(
      "  crowding    %10.2f      newcomers between two digests over what was said, median; p99 %.2f, "
      "most %.2f\n",
      f.crowding_p50, f.crowding_p99, f.crowding_max);
  text += line("  responses   %10.1f ms   p50; p99 %.1f ms\n", 1e3 * f.p50_s, 1e3 * f.p99_s);
  text += line("  CPU         %10.1f %%    mean of the members; least %.1f%%, median %.1f%%, most %.1f%%\n",
               100 * f.cpu_mean, 100 * f.cpu_min, 100 * f.cpu_median, 100 * f.cpu_max);
  text += mesh_lines(scenario.members);
  text += phase_lines(result);
  const std::string faults = aftermath_lines(result);
  return faults.empty() ? text : text + '\n' + faults;
}

std::string json_text(const ClusterScenario& scenario, const ClusterResult& result) {
  const Figures f = figures_of(result);
  const MeshCost mesh = mesh_cost(scenario.members);
  const std::string_view policy = admission::name_of(scenario.each.admission.policy);
  const json::object document{{"members", scenario.members},
                              {"policy", json::string_view(policy.data(), policy.size())},
                              {"balancer", balancer_text(scenario)},
                              {"seed", scenario.each.seed},
                              {"cpus_each", scenario.each.machine.cpus},
                              {"duration_s", scenario.each.duration_s},
                              {"measured_s", result.measured_s},
                              {"capacity_per_s", result.capacity},
                              {"offered_per_s", f.offered},
                              {"admitted_per_s", f.admitted},
                              {"completed_per_s", f.completed},
                              {"completed_of_possible", f.of_possible},
                              {"lost_per_s", f.lost},
                              {"refused_per_s", f.refused},
                              {"relayed_per_s", f.relayed},
                              {"relayed_share", f.of_offered_relayed},
                              {"relayed_refused_share", f.of_relayed_refused},
                              {"relayed_in_vain", f.in_vain},
                              {"crowding_p50", f.crowding_p50},
                              {"crowding_p99", f.crowding_p99},
                              {"crowding_max", f.crowding_max},
                              {"response_p50_s", f.p50_s},
                              {"response_p99_s", f.p99_s},
                              {"cpu_mean", f.cpu_mean},
                              {"cpu_min", f.cpu_min},
                              {"cpu_median", f.cpu_median},
                              {"cpu_max", f.cpu_max},
                              {"mesh_messages_per_s", mesh.messages_per_s},
                              {"mesh_bytes_per_s", mesh.bytes_per_s},
                              {"mesh_cpu_each", mesh.cpu},
                              {"events", result.events},
                              {"phases", phase_array(result)},
                              {"faults", fault_array(result)}};
  return json::serialize(document) + '\n';
}

}  // namespace sluice::tools
