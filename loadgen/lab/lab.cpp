#include "loadgen/lab/lab.hpp"

#include <algorithm>
#include <cmath>

#include "loadgen/error.hpp"
#include "loadgen/lab/bench.hpp"
#include "loadgen/lab/cluster/cluster_plan.hpp"
#include "loadgen/lab/page.hpp"
#include "loadgen/lab/page_parts.hpp"
#include "loadgen/report/format.hpp"

namespace sluice::loadgen {

namespace lab {
namespace {

/// The whole of it, step by step.
class Session {
 public:
  Session(const LabOptions& options, std::ostream& progress, const std::atomic<bool>& stop)
      : options_(options),
        progress_(progress),
        stop_(stop),
        kit_(options.server, options.settings, stop),
        findings_{.plan = planned()},
        bench_(kit_, findings_.plan, options, progress, stop) {}

  int run() {
    prepare();
    try {
      kit_.populate(findings_.plan.conditions.shop_users, findings_.plan.conditions.shop_items);
      for (const Capacity& capacity : capacities_of(findings_.plan)) search(capacity);
      for (const Point& point : order_of(findings_.plan, options_.seed)) measure(point);
    } catch (const RunError&) {
      if (!findings_.measurements.empty() && !stop_) write(true);  // hours of others are not lost by one
      if (!stop_) throw;  // else a server was given up while it started
    }
    write(stop_);
    return exit_code();
  }

 private:
  /// Without CPU quotas, fractions become whole CPUs, and the same server need not be measured twice.
  Plan planned() {
    const auto cpus = static_cast<unsigned>(own_cpus().size());
    Plan plan = make_plan(options_, cpus);
    if (kit_.quota_obstacle().empty()) return plan;
    const auto fraction = [](double value) { return value != std::ceil(value); };
    if (std::none_of(plan.variants.begin(), plan.variants.end(),
                     [&](const Variant& v) { return fraction(v.processors); })) {
      return plan;
    }
    LabOptions whole = options_;
    whole.processors.clear();
    for (const Variant& variant : plan.variants) whole.processors.push_back(std::ceil(variant.processors));
    std::sort(whole.processors.begin(), whole.processors.end());
    whole.processors.erase(std::unique(whole.processors.begin(), whole.processors.end()),
                           whole.processors.end());
    return make_plan(whole, cpus);
  }

  void prepare() {
    for (const Variant& variant : findings_.plan.variants) kit_.check(variant);
    const double total = expected_total_s(findings_.plan, !options_.saturation);
    progress_ << findings_.plan.experiment.name << ": " << points() << " points, about "
              << report::about(total) << std::endl;
    note_cpus();
    for (const std::string& note : findings_.notes) progress_ << note << std::endl;
  }

  void note_cpus() {
    bool quota = false, shared = false, apart = false;
    for (const Variant& variant : findings_.plan.variants) {
      const CpuShare cpus = bench_.cpus_for(variant.processors);
      quota = quota || cpus.quota;
      shared = shared || !cpus.apart;
      apart = apart || cpus.apart;
    }
    auto& notes = findings_.notes;
    if (quota) {
      notes.push_back("Fractions of a CPU are a " + kit_.quota_text() +
                      ": the server runs at full speed for a part of each 100 ms and then waits.");
    } else {
      notes.push_back("The server's CPUs are given by affinity, whole ones" +
                      (kit_.quota_obstacle().empty()
                           ? std::string(".")
                           : ", as quotas are not possible (" + kit_.quota_obstacle() + ")."));
    }
    if (findings_.plan.experiment.kind == Kind::attacks) {
      notes.push_back("Attackers come from 127.66.6.0/24, honest users from 127.0.0.0/24: networks apart.");
    }
    if (apart) notes.push_back("The generator runs on other CPUs than the server.");
    if (shared) {
      notes.push_back(
          "Servers that get all CPUs share them with the generator: their figures are too low, and only good "
          "for comparing with each other.");
    }
  }

  double saturation_for(const Capacity& capacity) const {
    for (const Search& search : findings_.searches) {
      if (search.capacity == capacity) return search.found.rate;
    }
    return 0;
  }

  void search(const Capacity& capacity) {
    if (!findings_.plan.needs_saturation() || stop_) return;
    if (options_.saturation) {
      const Saturation given{.rate = *options_.saturation * capacity.processors};
      findings_.searches.push_back({.capacity = capacity, .given = true, .found = given});
      return;
    }
    // The first policy named is the baseline; all see the same loads, so that they can be compared.
    Variant variant = *std::find_if(findings_.plan.variants.begin(), findings_.plan.variants.end(),
                                    [&](const Variant& v) { return capacity_of(v) == capacity; });
    variant.attack.clear();
    variant.keepalive_s = findings_.plan.conditions.keepalive_s;
    const SearchPlan plan{.start = 100 * capacity.processors,
                          .precision = findings_.plan.conditions.precision};
    auto probes = lab::search(plan, [&](double rate, unsigned index) -> std::optional<Probe> {
      const Probe probe = bench_.probe(variant, rate, index);
      if (stop_) return std::nullopt;
      progress_ << "looking for saturation of " << variant.name << ": " << report::plain(probe.rate)
                << " new clients/s, server CPU " << report::percent(probe.cpu_share.value_or(NAN))
                << ", lost " << report::percent(probe.unsuccessful)
                << (probe.client_limited ? ", generator at its limit" : "") << std::endl;
      return probe;
    });
    if (!probes) return;
    const Saturation found = saturation_of(*probes);
    progress_ << "saturation of " << variant.name << ": " << report::plain(found.rate) << " new clients/s"
              << std::endl;
    findings_.searches.push_back({.capacity = capacity, .probes = std::move(*probes), .found = found});
  }

  void measure(const Point& point) {
    if (stop_) return;
    const Variant& variant = findings_.plan.variants[point.variant];
    Measurement done = bench_.measure(point, saturation_for(capacity_of(variant)));
    if (stop_) return;  // cut short: not to be compared with whole ones
    const Figures figures = figures_of(done);
    findings_.measurements.push_back(std::move(done));
    const std::size_t count = findings_.measurements.size();
    progress_ << "[" << count << "/" << points() << "] " << variant.name << ", x "
              << report::plain(findings_.plan.xs[point.x]) << ": " << report::plain(figures.offered)
              << " new clients/s, " << report::plain(figures.completed) << " completed/s, mean "
              << report::plain(figures.mean_ms) << " ms, server CPU " << report::plain(figures.server_cpu)
              << (figures.client_limited ? ", GENERATOR AT ITS LIMIT" : "") << "; about "
              << report::about(static_cast<double>(points() - count) * expected_point_s(findings_.plan))
              << " left" << std::endl;
  }

  void write(bool stopped) {
    findings_.stopped = stopped;
    const Circumstances circumstances{options_, this_machine(), kit_.version()};
    write_findings(options_, lab_page(findings_, circumstances), lab_json(findings_, circumstances),
                   conclusions_of(findings_), stopped, progress_);
  }

  int exit_code() const {
    if (findings_.stopped) return 1;
    const auto limited = [](const Measurement& done) {
      return done.result.verdict.kind == Verdict::Kind::client_limited;
    };
    return std::all_of(findings_.measurements.begin(), findings_.measurements.end(), limited) ? 3 : 0;
  }

  std::size_t points() const {
    const Plan& plan = findings_.plan;
    return plan.variants.size() * plan.xs.size() * plan.conditions.repeats;
  }

  const LabOptions& options_;
  std::ostream& progress_;
  const std::atomic<bool>& stop_;
  ServerKit kit_;
  Findings findings_;
  Bench bench_;
};

}  // namespace
}  // namespace lab

int run_lab(const LabOptions& options, std::ostream& progress, const std::atomic<bool>& stop) {
  if (options.list) {
    progress << lab_list();
    return 0;
  }
  if (options.experiment == lab::kClusterBalance) return run_cluster_lab(options, progress, stop);
  const LabOptions complete = lab::with_the_papers_costs(options);
  lab::remove_leftover_groups(lab::own_cgroup_places());
  lab::remove_leftover_folders();
  return lab::Session(complete, progress, stop).run();
}

std::string lab_list() {
  std::string text;
  const auto cpus = static_cast<unsigned>(lab::own_cpus().size());
  for (const lab::Experiment& experiment : lab::experiments()) {
    text += std::string(experiment.name) + "\n  " + std::string(experiment.shows) + ".\n  ";
    LabOptions options;
    options.experiment = experiment.name;
    for (const auto& [size, name] :
         {std::pair{LabSize::quick, "--quick"}, std::pair{LabSize::normal, "default"},
          std::pair{LabSize::full, "--full"}}) {
      options.size = size;
      text += std::string(name) + " " + report::about(expected_total_s(lab::make_plan(options, cpus), true));
      text += size == LabSize::full ? "; with one policy, here\n" : ", ";
    }
  }
  text += std::string(lab::kClusterBalance) + "\n  " + std::string(lab::kClusterBalanceShows) + ".\n  ";
  for (const auto& [size, name, end] :
       {std::tuple{LabSize::quick, "--quick", ", "}, std::tuple{LabSize::normal, "default", ", "},
        std::tuple{LabSize::full, "--full", "; as root, with HAProxy\n"}}) {
    LabOptions options;
    options.size = size;
    text += std::string(name) + " " + report::about(expected_total_s(lab::make_cluster_plan(options, true))) +
            end;
  }
  return text;
}

}  // namespace sluice::loadgen
