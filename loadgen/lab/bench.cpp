#include "loadgen/lab/bench.hpp"

#include <algorithm>

#include "loadgen/error.hpp"
#include "loadgen/report/format.hpp"
#include "loadgen/report/live.hpp"
#include "loadgen/run.hpp"

namespace sluice::loadgen::lab {

using namespace std::chrono_literals;

namespace {

constexpr unsigned kConnectionsPerThread = 32;  // of handshakes in a closed loop: enough to fill a server
constexpr double kSilence_s = 15;               // a long run says in between how it goes

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void CpuWindow::read(double run_s, double t_s, double cpu_s) {
  if (run_s <= warmup_s_) begin_ = Reading{t_s, cpu_s};
  if (run_s <= duration_s_) end_ = Reading{t_s, cpu_s};
}

std::optional<double> CpuWindow::cpus() const {
  if (!begin_ || !end_ || end_->t_s <= begin_->t_s) return std::nullopt;
  return (end_->cpu_s - begin_->cpu_s) / (end_->t_s - begin_->t_s);
}

Bench::Bench(ServerKit& kit, const Plan& plan, const LabOptions& options, std::ostream& progress,
             const std::atomic<bool>& stop)
    : kit_(kit), plan_(plan), options_(options), progress_(progress), stop_(stop), cpus_(own_cpus()) {
  source_.transitions = std::make_shared<const Transitions>(Transitions::load(options.model));
  source_.think = Think::parse(plan.conditions.think);
  source_.length = SessionLength::parse(plan.conditions.session_length);
  source_.shop.users = plan.conditions.shop_users;
  source_.shop.items = plan.conditions.shop_items;
  if (!options.resume.empty()) Resume::parse(options.resume);  // complains now, not after the search
}

CpuShare Bench::cpus_for(double processors) const {
  return share_cpus(cpus_, processors, kit_.quota_obstacle().empty());
}

Options Bench::options_for(const Variant& variant, const Server& server, const CpuShare& cpus) {
  const Conditions& conditions = plan_.conditions;
  Options options;
  options.target = Target::parse(server.url());
  options.timeout_s = conditions.timeout_s;
  options.source = source_;
  options.tls.ca_file = kit_.certificate_file(variant.certificate);
  if (options_.tls == "1.2") options.tls.version = TlsOptions::Version::v12;
  if (options_.tls == "1.3") options.tls.version = TlsOptions::Version::v13;
  if (!options_.resume.empty()) options.resume = Resume::parse(options_.resume);
  if (!variant.attack.empty()) {
    options.attacks.push_back(Attack::parse(variant.attack));
    options.attack_sources = attack_sources();
  }
  options.threads = static_cast<unsigned>(std::max<std::size_t>(1, cpus.generator.size()));
  options.metrics_url = server.metrics_url();
  options.label = variant.name;
  return options;
}

Options Bench::options_of(const Point& point, const Server& server, const CpuShare& cpus, double saturation) {
  const Conditions& conditions = plan_.conditions;
  const double x = plan_.xs[point.x];
  Options options = options_for(plan_.variants[point.variant], server, cpus);
  options.seed = point.seed;
  options.warmup_s = conditions.warmup_s;
  options.duration_s = conditions.warmup_s + conditions.window_s;
  if (!plan_.needs_saturation()) {
    options.mode = Mode::handshakes;
    options.users = kConnectionsPerThread * options.threads;
    options.load_text = std::to_string(options.users) + " connections";
    options.resume = Resume::parse("ratio:" + report::plain(x));
  } else if (plan_.time_series()) {
    options.load_text = profile_text(plan_, x, saturation);
    options.profile = Profile::parse(options.load_text);
    options.duration_s = *options.profile->length();
  } else {
    options.load_text = report::plain(x * saturation) + " new clients/s";
    options.profile = Profile::constant(x * saturation);
  }
  return options;
}

Bench::Outcome Bench::run_against(Server& server, const CpuShare& cpus, const Options& options) {
  const PinnedHere pinned(cpus.generator);
  CpuWindow window(options.warmup_s, options.duration_s);
  std::atomic<bool> end{false};
  std::optional<std::string> died;
  double spoke_at = now_s();
  const auto read_cpu = [&](double run_s) {
    if (const auto used = server.cpu_seconds()) window.read(run_s, now_s(), *used);
  };
  read_cpu(0);
  const auto on_second = [&](const Progress& now) {
    read_cpu(now.bin->t + 1);
    if (!died) died = server.ended();
    if (stop_ || died) end = true;
    if (now_s() - spoke_at < kSilence_s) return;
    spoke_at = now_s();
    progress_ << "  " << live_line(now) << std::endl;
  };
  Outcome outcome;
  std::string failure;
  try {
    outcome.result = run(options, on_second, end);
  } catch (const RunError& error) {
    failure = error.what();
  }
  // Its sockets close a moment before it can be reaped, and that it died is the better explanation.
  if (!died) died = server.ended(failure.empty() ? 0ms : 500ms);
  if (died) throw RunError("the server ended by itself in mid-run: " + *died);
  if (!failure.empty()) throw RunError(failure);
  outcome.server_cpu = window.cpus();
  return outcome;
}

Measurement Bench::measure(const Point& point, double saturation) {
  const Variant& variant = plan_.variants[point.variant];
  const CpuShare cpus = cpus_for(variant.processors);
  const auto server = kit_.start(variant, cpus);
  Outcome outcome = run_against(*server, cpus, options_of(point, *server, cpus, saturation));
  return {.point = point,
          .rate = plan_.needs_saturation() ? plan_.xs[point.x] * saturation : 0,
          .server_cpu = outcome.server_cpu,
          .result = std::move(outcome.result)};
}

Probe Bench::probe(const Variant& variant, double rate, unsigned index) {
  const CpuShare cpus = cpus_for(variant.processors);
  const auto server = kit_.start(variant, cpus);
  Options options = options_for(variant, *server, cpus);
  options.attacks.clear();
  options.attack_sources.clear();
  options.profile = Profile::constant(rate);
  options.load_text = report::plain(rate) + " new clients/s";
  options.seed = options_.seed + 1'000'000 + index;
  options.warmup_s = plan_.conditions.probe_warmup_s;
  options.duration_s = options.warmup_s + plan_.conditions.probe_window_s;
  const Outcome outcome = run_against(*server, cpus, options);
  const SessionTally sessions = outcome.result.measured().sessions;
  const auto lost = static_cast<double>(sessions.refused_total() + sessions.abandoned_total());
  Probe probe{.rate = rate};
  probe.unsuccessful = lost / static_cast<double>(std::max<std::uint64_t>(1, sessions.ended()));
  if (outcome.server_cpu) probe.cpu_share = *outcome.server_cpu / cpus.processors;
  probe.client_limited = outcome.result.verdict.kind == Verdict::Kind::client_limited;
  return probe;
}

}  // namespace sluice::loadgen::lab
