#include "tools/sim/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace sluice::tools {

namespace {

namespace json = boost::json;

double seconds(Histogram::Duration value) noexcept { return std::chrono::duration<double>(value).count(); }

double share(double part, double whole) noexcept { return whole > 0 ? part / whole : 0; }

template <class... Numbers>
std::string line(const char* format, Numbers... numbers) {
  std::array<char, 256> text{};
  const int size = std::snprintf(text.data(), text.size(), format, numbers...);
  return {text.data(), static_cast<std::size_t>(std::clamp(size, 0, 255))};
}

/// The figures people ask for first.
struct Figures {
  double offered = 0, attempts = 0, admitted = 0, completed = 0, refused = 0, lost = 0;  // per second
  double of_capacity = 0, of_admitted_lost = 0, p50_s = 0, p99_s = 0, entry_p99_s = 0;
  double useful = 0, wasted = 0, refusals = 0;  // shares of the CPUs
};

Figures figures_of(const Result& result) noexcept {
  const Fates& fates = result.measured;
  const double lost = fates.abandoned + fates.shed;
  Figures figures;
  figures.offered = share(fates.visitors, result.measured_s);
  figures.attempts = share(fates.attempts, result.measured_s);
  figures.admitted = share(fates.admitted, result.measured_s);
  figures.completed = share(fates.completed, result.measured_s);
  figures.refused = share(fates.refusals, result.measured_s);
  figures.lost = share(lost, result.measured_s);
  figures.of_capacity = share(figures.completed, std::min(result.capacity, figures.offered));
  figures.of_admitted_lost = share(lost, lost + fates.completed);
  figures.p50_s = seconds(result.responses.quantile(0.5));
  figures.p99_s = seconds(result.responses.quantile(0.99));
  figures.entry_p99_s = seconds(result.entries.quantile(0.99));
  figures.useful = share(result.cpu_useful, result.cpu_s);
  figures.wasted = share(result.cpu_wasted, result.cpu_s);
  figures.refusals = share(result.cpu_refusals, result.cpu_s);
  return figures;
}

std::string phase_lines(const Result& result) {
  std::string text =
      "\n  from s   to s  offered/s  capacity/s  admitted/s  completed/s   lost/s  useful CPU    p99 ms"
      "  settled s  answers s\n";
  for (const Phase& phase : result.phases) {
    text += line("  %6.0f %6.0f %10.1f %11.1f %11.1f %12.1f %8.2f %10.1f%% %9.0f %10.0f %10.0f\n",
                 phase.begins_s, phase.ends_s, phase.offered, phase.capacity, phase.admitted, phase.completed,
                 phase.lost, 100 * phase.useful, 1e3 * phase.p99_s, phase.settled_s, phase.answers_s);
  }
  return text +
         "  settled: useful work within 10% of its final level; answers: no second's p99 above 300 ms any "
         "more "
         "(p99: from then on)\n";
}

}  // namespace

std::string summary(const Scenario& scenario, const Result& result) {
  const Figures f = figures_of(result);
  const std::string_view policy = admission::name_of(scenario.admission.policy);
  std::string text =
      line("%.*s on %.4g CPUs, %.4g s of them %.4g s measured, seed %llu\n\n",
           static_cast<int>(policy.size()), policy.data(), scenario.machine.cpus, scenario.duration_s,
           result.measured_s, static_cast<unsigned long long>(scenario.seed));
  text += line("  offered     %10.1f /s   in %.1f attempts/s; %.2f times the capacity\n", f.offered,
               f.attempts, share(f.offered, result.capacity));
  text += line("  admitted    %10.1f /s\n", f.admitted);
  text += line("  completed   %10.1f /s   %.1f%% of what capacity (%.1f/s) and offer allow\n", f.completed,
               100 * f.of_capacity, result.capacity);
  text += line("  lost        %10.2f /s   %.2f%% of admitted: %.0f abandoned, %.0f shed\n", f.lost,
               100 * f.of_admitted_lost, result.measured.abandoned, result.measured.shed);
  text += line("  refused     %10.1f /s   besides %.1f/s not even accepted\n", f.refused,
               share(result.measured.dropped, result.measured_s));
  text += line("  responses   %10.1f ms   p50; p99 %.1f ms; of first ones p99 %.1f ms, the gate included\n",
               1e3 * f.p50_s, 1e3 * f.p99_s, 1e3 * f.entry_p99_s);
  text += line("  CPU         %10.1f %%    useful; %.1f%% for clients that had gone, %.1f%% refusals\n",
               100 * f.useful, 100 * f.wasted, 100 * f.refusals);
  return text + phase_lines(result);
}

std::string json_text(const Scenario& scenario, const Result& result) {
  const Figures f = figures_of(result);
  const std::string_view policy = admission::name_of(scenario.admission.policy);
  json::array phases;
  for (const Phase& phase : result.phases) {
    phases.push_back(json::object{{"begins_s", phase.begins_s},
                                  {"ends_s", phase.ends_s},
                                  {"offered_per_s", phase.offered},
                                  {"capacity_per_s", phase.capacity},
                                  {"admitted_per_s", phase.admitted},
                                  {"completed_per_s", phase.completed},
                                  {"lost_per_s", phase.lost},
                                  {"useful_share", phase.useful},
                                  {"p99_s", phase.p99_s},
                                  {"settled_s", phase.settled_s},
                                  {"answers_s", phase.answers_s}});
  }
  const json::object document{{"policy", json::string_view(policy.data(), policy.size())},
                              {"seed", scenario.seed},
                              {"cpus", scenario.machine.cpus},
                              {"duration_s", scenario.duration_s},
                              {"measured_s", result.measured_s},
                              {"capacity_per_s", result.capacity},
                              {"offered_per_s", f.offered},
                              {"attempts_per_s", f.attempts},
                              {"admitted_per_s", f.admitted},
                              {"completed_per_s", f.completed},
                              {"completed_of_possible", f.of_capacity},
                              {"lost_of_admitted", f.of_admitted_lost},
                              {"refused_per_s", f.refused},
                              {"dropped_per_s", share(result.measured.dropped, result.measured_s)},
                              {"response_p50_s", f.p50_s},
                              {"response_p99_s", f.p99_s},
                              {"entry_p99_s", f.entry_p99_s},
                              {"cpu_useful_share", f.useful},
                              {"cpu_wasted_share", f.wasted},
                              {"cpu_refusals_share", f.refusals},
                              {"events", result.events},
                              {"phases", std::move(phases)}};
  return json::serialize(document) + '\n';
}

}  // namespace sluice::tools
