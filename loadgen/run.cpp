#include "loadgen/run.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <thread>

#include "loadgen/error.hpp"
#include "loadgen/io/scrape.hpp"
#include "loadgen/io/worker.hpp"
#include "loadgen/report/format.hpp"
#include "loadgen/verdict.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::chrono::milliseconds kStartDelay{20};  // threads are up when the schedule begins
constexpr std::chrono::milliseconds kLook{50};

using report::milliseconds;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string attacks_text(const Options& options) {
  std::string text;
  for (const auto& attack : options.attacks) text += (text.empty() ? "" : ", ") + attack.text();
  if (options.attack_sources.empty()) return text;
  text += ", from " + options.attack_sources.front();
  const std::size_t others = options.attack_sources.size() - 1;
  return others == 0 ? text : text + " and " + std::to_string(others) + " more";
}

Setup setup_of(const Options& options) {
  Setup setup;
  setup.version = kVersion;
  setup.target = options.target.text();
  setup.mode = options.mode == Mode::sessions   ? "sessions"
               : options.mode == Mode::requests ? "requests"
                                                : "handshakes";
  setup.load = options.load_text;
  setup.model = options.source.transitions ? options.source.transitions->name() : "";
  for (const auto& path : options.source.paths) setup.model += (setup.model.empty() ? "" : " ") + path;
  setup.think = options.mode == Mode::sessions ? options.source.think.text() : "";
  setup.tls = options.tls.text();
  setup.resume = options.resume.text;
  setup.retry = name_of(options.retry);
  setup.attack = attacks_text(options);
  setup.started_at = utc_now();
  setup.label = options.label;
  setup.timeout_s = options.timeout_s;
  setup.warmup_s = options.warmup_s;
  setup.duration_s = options.duration_s;
  setup.seed = options.seed;
  setup.threads = options.threads;
  setup.states = options.source.states();
  return setup;
}

/// One second of all workers, added up.
struct Whole {
  Second sum;
  unsigned parts = 0;

  void add(const Second& part) {
    sum.index = part.index;
    sum.end_s = std::max(sum.end_s, part.end_s);
    sum.tally.add(part.tally);
    sum.planned += part.planned;
    sum.live_sessions += part.live_sessions;
    sum.in_flight += part.in_flight;
    sum.connections += part.connections;
    sum.cpu = std::max(sum.cpu, part.cpu);  // one thread at its limit is enough
    ++parts;
  }
};

TimeBin bin_of(const Second& second) {
  const Tally& tally = second.tally;
  const auto& refused = tally.sessions.refused;
  const auto& complete = tally.latency[at(Phase::complete)];
  TimeBin bin;
  bin.t = static_cast<double>(second.index);
  bin.planned = second.planned;
  bin.started = tally.sessions.started;
  bin.admitted = tally.sessions.admitted;
  bin.completed = tally.sessions.completed;
  bin.abandoned = tally.sessions.abandoned_total();
  bin.refused_rst = refused[at(Cause::rst)];
  bin.refused_fin = refused[at(Cause::fin)];
  bin.refused_alert = refused[at(Cause::alert)];
  bin.refused_503 = refused[at(Cause::http_503)];
  bin.refused_timeout = refused[at(Cause::timeout)];
  bin.refused_other = tally.sessions.refused_total() - bin.refused_rst - bin.refused_fin - bin.refused_alert -
                      bin.refused_503 - bin.refused_timeout;
  bin.requests = tally.requests.sent;
  bin.replies = tally.requests.replies;
  bin.errors = tally.requests.failed + tally.requests.client_errors + tally.requests.server_errors +
               tally.requests.busy;
  bin.handshakes_full = tally.connections.handshakes_full;
  bin.handshakes_resumed = tally.connections.handshakes_resumed;
  bin.bytes_received = tally.requests.bytes_received;
  for (const auto& attack : tally.attacks) bin.attacks += attack.started;
  bin.live_sessions = second.live_sessions;
  bin.in_flight = second.in_flight;
  bin.connections = second.connections;
  bin.mean_ms = milliseconds(complete.mean());
  bin.p50_ms = milliseconds(complete.quantile(0.5));
  bin.p95_ms = milliseconds(complete.quantile(0.95));
  bin.p99_ms = milliseconds(complete.quantile(0.99));
  bin.lag_p99_ms = milliseconds(tally.lag.quantile(0.99));
  bin.own_cpu = second.cpu;
  return bin;
}

/// Puts the workers' seconds together as they come in.
class Assembly {
 public:
  Assembly(const Options& options, Result& result) : options_(options), result_(result) {}

  void take_from(std::vector<std::unique_ptr<Worker>>& workers) {
    for (auto& worker : workers)
      for (const auto& second : worker->take()) take(second);
    while (!open_.empty() && open_.begin()->second.parts == workers.size()) close_first();
  }
  /// When nothing more will come. Workers that ended a moment apart may differ by a second.
  void finish() {
    while (!open_.empty()) close_first();
  }

  const Tally& so_far() const noexcept { return so_far_; }
  double own_cpu() const noexcept { return seconds_ == 0 ? 0 : cpu_ / seconds_; }
  double planned() const noexcept { return planned_; }
  /// Of the arrivals, seconds since the run began.
  double end_s() const noexcept { return end_s_; }

 private:
  void take(const Second& second) {
    so_far_.add(second.tally);
    if (second.tail) {
      result_.tail.add(second.tally);
    } else {
      open_[second.index].add(second);
    }
  }

  void close_first() {
    const Second second = std::move(open_.begin()->second.sum);
    open_.erase(open_.begin());
    end_s_ = std::max(end_s_, second.end_s);
    result_.series.push_back(bin_of(second));
    if (static_cast<double>(second.index) + 1e-9 < options_.warmup_s) return result_.warmup.add(second.tally);
    result_.window.add(second.tally);
    planned_ += static_cast<double>(second.planned);
    cpu_ += second.cpu;
    seconds_ += 1;
  }

  const Options& options_;
  Result& result_;
  std::map<std::size_t, Whole> open_;
  Tally so_far_;
  double cpu_ = 0, seconds_ = 0, planned_ = 0, end_s_ = 0;
};

/// Of what the server can use: its CPUs, or its threads where those are fewer. None when it does not tell.
std::optional<double> server_cpu_share(const std::map<std::string, double>& totals) {
  const auto used = totals.find("cpu_used"), cpus = totals.find("cpus_available"),
             processors = totals.find("processors");
  if (used == totals.end() || cpus == totals.end() || cpus->second <= 0) return std::nullopt;
  const bool fewer =
      processors != totals.end() && processors->second > 0 && processors->second < cpus->second;
  return used->second / (fewer ? processors->second : cpus->second);
}

Verdict verdict_of(const Result& result, const Assembly& assembly, bool open_loop) {
  const Tally measured = result.measured();
  VerdictInput input;
  input.own_cpu = assembly.own_cpu();
  input.lag_p99_ms = milliseconds(measured.lag.quantile(0.99));
  const bool sessions = result.setup.mode != "requests";
  if (open_loop && sessions) {
    input.planned = assembly.planned();
    input.started = static_cast<double>(result.window.sessions.started);
  }
  const auto& refused = measured.sessions.refused;
  const auto& at_connect = measured.sessions.abandoned[at(Step::connect)];
  input.no_ports = refused[at(Cause::no_ports)] + at_connect[at(Cause::no_ports)];
  input.no_descriptors = refused[at(Cause::no_descriptors)] + at_connect[at(Cause::no_descriptors)];
  input.unsuccessful = measured.sessions.refused_total() + measured.sessions.abandoned_total();
  input.server_cpu_share = server_cpu_share(result.server.totals);
  return judge(input);
}

void stop(std::vector<std::unique_ptr<Worker>>& workers) {
  for (auto& worker : workers) worker->stop_arrivals();
}

/// Why going on makes no sense; empty when it does.
std::string hopeless(const std::vector<std::unique_ptr<Worker>>& workers) {
  bool connected = false;
  std::string unreachable;
  for (const auto& worker : workers) {
    const auto hope = worker->hope();
    if (!hope.untrusted.empty()) return hope.untrusted;
    connected |= hope.connected;
    if (!hope.unreachable.empty()) unreachable = hope.unreachable;
  }
  return connected ? "" : unreachable;
}

}  // namespace

Result run(const Options& options, const std::function<void(const Progress&)>& on_second,
           const std::atomic<bool>& stop_asked) {
  Result result;
  result.setup = setup_of(options);
  const Address target = resolve(options.target);
  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned i = 0; i < options.threads; ++i)
    workers.push_back(std::make_unique<Worker>(options, target, i, options.threads));
  std::unique_ptr<Scraper> scraper;
  if (!options.metrics_url.empty()) scraper = std::make_unique<Scraper>(options.metrics_url);
  const auto start = Monotonic::now() + kStartDelay;
  for (auto& worker : workers) worker->launch(start);

  Assembly assembly(options, result);
  bool stopped = false;
  while (true) {
    const bool ended = std::ranges::all_of(workers, [](const auto& worker) { return worker->ended(); });
    const std::size_t seconds = result.series.size();
    assembly.take_from(workers);
    const double elapsed = std::chrono::duration<double>(Monotonic::now() - start).count();
    if (!stopped && (stop_asked.load() || !hopeless(workers).empty())) {
      stopped = true;
      stop(workers);
    }
    if (result.series.size() > seconds && on_second) {
      const bool warming_up = elapsed < options.warmup_s, draining = stopped || elapsed > options.duration_s;
      on_second({.setup = &result.setup,
                 .bin = &result.series.back(),
                 .so_far = &assembly.so_far(),
                 .elapsed_s = elapsed,
                 .warming_up = warming_up,
                 .draining = draining,
                 .history = &result.series});
    }
    if (ended) break;
    std::this_thread::sleep_for(kLook);
  }
  for (auto& worker : workers) worker->join();
  assembly.finish();
  if (const auto why = hopeless(workers); !why.empty()) throw RunError(why);

  const double arrivals_end = std::min(assembly.end_s(), options.duration_s);
  const double window_begin = std::min(std::ceil(options.warmup_s), arrivals_end);  // seconds are not split
  result.window_s = arrivals_end - window_begin;
  if (options.open_loop() && result.window_s > 0)
    result.setup.offered_per_s = assembly.planned() / result.window_s;
  if (scraper) result.server = scraper->finish(start, window_begin, arrivals_end);
  result.verdict = verdict_of(result, assembly, options.open_loop());
  for (const auto& limit : options.limits) result.limits.push_back(evaluate(limit, result));
  return result;
}

}  // namespace sluice::loadgen
