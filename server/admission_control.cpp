#include "server/admission_control.hpp"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <numeric>

namespace sluice::server {

namespace {

using admission::Sample;

constexpr std::chrono::seconds kCpuReadEvery{1};
constexpr double kStealMemory_s = 5;
constexpr double kKeptCostWeight = 20;  // what the last run learnt counts as so many requests or handshakes

/// 0 when the clock is of a thread that has ended.
double cpu_s(clockid_t clock) noexcept {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

admission::Settings settings_of(const Config& config) {
  admission::Settings settings;
  settings.policy =
      admission::parse_policy(config.admission.policy).value_or(admission::Policy::session_budget);
  settings.paper.interval_s = std::chrono::duration<double>(config.admission.paper_interval).count();
  settings.paper.cost = config.admission.paper_cost == "handshake" ? admission::PaperCost::handshake
                                                                   : admission::PaperCost::connection;
  settings.paper.new_s = static_cast<double>(config.admission.paper_new_us) / 1e6;
  settings.paper.resumed_s = static_cast<double>(config.admission.paper_resumed_us) / 1e6;
  settings.budget.utilization = static_cast<double>(config.admission.utilization_percent) / 100;
  settings.budget.response_target_s = std::chrono::duration<double>(config.admission.response_target).count();
  return settings;
}

admission::SessionLimits limits_of(const Config& config) {
  admission::SessionLimits limits;
  limits.sessions = config.admission.sessions;
  limits.memory = std::chrono::duration_cast<std::chrono::seconds>(config.admission.session_memory);
  limits.resumptions = static_cast<double>(config.admission.resumptions);
  return limits;
}

}  // namespace

struct AdmissionControl::Totals {
  std::array<double, kWorks> work_s{};
  double process_s = 0;
  double unbooked_s = 0;
  double other_s = 0;  // what is left over, or the most that ever was: it must not seem to fall
  double requests = 0, returns = 0, demand = 0, pause_s = 0;
  double full = 0, resumed = 0, offered = 0, resuming = 0, admitted = 0, refused = 0;
  double connections_new = 0, cpu_new = 0, connections_resumed = 0, cpu_resumed = 0;
  double probes = 0, run_delay_s = 0;

  double left_over_s() const noexcept {
    return process_s - unbooked_s - std::accumulate(work_s.begin(), work_s.end(), 0.0);
  }
  void read(const std::vector<const Counters*>& all) {
    *this = {};
    process_s = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
    for (const Counters* counters : all) add(*counters);
  }

 private:
  static double number(const Counter& counter) noexcept { return static_cast<double>(counter.get()); }
  /// CPU time of the processor that its meter has not looked at yet.
  static double since_pulse_s(const Counters& counters) noexcept {
    const clockid_t clock = counters.thread_clock;
    if (clock == CLOCK_REALTIME) return 0;
    return std::max(0.0, cpu_s(clock) - number(counters.thread_cpu_ns) / 1e9);
  }
  void add(const Counters& counters) {
    const auto& d = counters.demand;
    for (std::size_t i = 0; i < kWorks; ++i) work_s[i] += number(counters.work_ns[i]) / 1e9;
    unbooked_s += number(counters.unbooked_ns) / 1e9 + since_pulse_s(counters);
    requests += number(d.requests), returns += number(d.returns);
    demand += number(d.demand_milli) / 1e3, pause_s += number(d.pause_us) / 1e6;
    full += number(d.full), resumed += number(d.resumed);
    offered += number(d.offered), resuming += number(d.resuming);
    admitted += number(d.admitted), refused += number(d.refused);
    connections_new += number(d.connections_new), cpu_new += number(d.cpu_connections_new_us) / 1e6;
    connections_resumed += number(d.connections_resumed);
    cpu_resumed += number(d.cpu_connections_resumed_us) / 1e6;
    probes += number(d.probes), run_delay_s += number(d.run_delay_us) / 1e6;
  }
};

AdmissionControl::AdmissionControl(const Config& config)
    : costs_file_(config.state_dir / "admission-costs"),
      response_target_s_(std::chrono::duration<double>(config.admission.response_target).count()),
      sessions_(limits_of(config)),
      totals_(std::make_unique<Totals>()),
      settings_(settings_of(config)) {
  load_costs();
}

AdmissionControl::~AdmissionControl() { stop(); }

void AdmissionControl::start(std::vector<const Counters*> counters, std::function<double()> backlog,
                             Deliver deliver) {
  backlog_ = std::move(backlog);
  counters_ = std::move(counters);
  deliver_ = std::move(deliver);
  last_tick_ = Monotonic::now();
  totals_->read(counters_);
  totals_->other_s = totals_->left_over_s();  // what it took to start is no period's
  tick(last_tick_);                           // a plan before the first connection
  thread_ = std::thread([this] { run(); });
}

void AdmissionControl::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  save_costs();
}

void AdmissionControl::run() {
  ::pthread_setname_np(::pthread_self(), "admission");
  auto next = last_tick_ + kPeriod;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_until(lock, next, [this] { return stopping_; })) {
    lock.unlock();
    const auto now = Monotonic::now();
    tick(now);
    next = std::max(next + kPeriod, now + kPeriod / 2);  // what was missed is not made up for
    lock.lock();
  }
}

/// Differences to a period ago.
Sample AdmissionControl::take_sample(double elapsed_s, Monotonic::time_point now) {
  Totals totals;
  totals.read(counters_);
  const Totals& before = *totals_;
  Sample s;
  s.elapsed_s = elapsed_s;
  const auto work = [&](Work kind) {
    const auto i = static_cast<std::size_t>(kind);
    return totals.work_s[i] - before.work_s[i];
  };
  s.cpu_full = work(Work::full), s.cpu_resumed = work(Work::resumed);
  s.cpu_requests = work(Work::request), s.cpu_refusals = work(Work::refusal);
  totals.other_s = std::max(before.other_s, totals.left_over_s());
  s.cpu_other = totals.other_s - before.other_s + work(Work::relay);
  s.requests = totals.requests - before.requests, s.returns = totals.returns - before.returns;
  s.demand = totals.demand - before.demand, s.pause_s = totals.pause_s - before.pause_s;
  s.full = totals.full - before.full, s.resumed = totals.resumed - before.resumed;
  s.offered = totals.offered - before.offered, s.resuming = totals.resuming - before.resuming;
  s.admitted = totals.admitted - before.admitted, s.refused = totals.refused - before.refused;
  s.connections_new = totals.connections_new - before.connections_new;
  s.cpu_connections_new = totals.cpu_new - before.cpu_new;
  s.connections_resumed = totals.connections_resumed - before.connections_resumed;
  s.cpu_connections_resumed = totals.cpu_resumed - before.cpu_resumed;
  const double probes = totals.probes - before.probes;
  s.run_delay_mean_s = probes > 0 ? (totals.run_delay_s - before.run_delay_s) / probes : 0;
  for (const Counters* counters : counters_) {
    s.run_delay_min_s += static_cast<double>(counters->demand.run_delay_min_us.get()) / 1e6;
    s.in_flight += static_cast<double>(counters->demand.in_flight.get());
    s.in_flight_max += static_cast<double>(counters->demand.in_flight_max.get());
  }
  s.run_delay_min_s /= static_cast<double>(std::max<std::size_t>(1, counters_.size()));
  s.backlog_s = backlog_();
  *totals_ = totals;
  const auto change = sessions_.tick(
      now, std::chrono::duration_cast<admission::Duration>(std::chrono::duration<double>(horizon_s_)));
  s.live = static_cast<double>(change.live);
  s.departed = static_cast<double>(change.departed);
  return s;
}

void AdmissionControl::tick(Monotonic::time_point now) {
  const double elapsed_s = std::chrono::duration<double>(now - last_tick_).count();
  last_tick_ = now;
  Sample sample = take_sample(elapsed_s, now);
  CpuReading cpus = view().cpus;
  if (last_cpu_read_ == Monotonic::time_point{} || now - last_cpu_read_ >= kCpuReadEvery) {
    last_cpu_read_ = now;
    cpus = supply_.read(now);
    steal_share_ += (cpus.steal_share - steal_share_) / kStealMemory_s;
  }
  sample.cpus = cpus.cpus * (1 - std::clamp(steal_share_, 0.0, 0.9));

  std::unique_lock lock(mutex_);
  const auto decision = admission::decide(settings_, state_, sample);
  state_ = decision.next;
  horizon_s_ = decision.plan.horizon_s;
  const std::size_t shed =
      decision.plan.shed > 0 ? sessions_.shed(static_cast<std::size_t>(decision.plan.shed), now) : 0;
  if (elapsed_s > 0) kept_.push_back(sample);
  if (kept_.size() > kKept) kept_.pop_front();
  view_.plan = decision.plan;
  view_.sample = sample;
  view_.cpus = cpus;
  view_.request_s = state_.request_s.value(), view_.full_s = state_.full_s.value();
  view_.resumed_s = state_.resumed_s.value(), view_.demand_per_s = state_.demand_per_s.value();
  view_.pause_s = state_.pause_s.value(), view_.trim = state_.trim;
  view_.departures_per_s = state_.departures_per_s, view_.offered_per_s = state_.offered_per_s;
  view_.sessions_shed += shed;
  view_.other_cpu_s = totals_->other_s;
  lock.unlock();
  deliver_(decision.plan);
}

void AdmissionControl::set_policy(admission::Policy policy) {
  const std::lock_guard lock(mutex_);
  settings_.policy = policy;
}

admission::Policy AdmissionControl::policy() const {
  const std::lock_guard lock(mutex_);
  return settings_.policy;
}

AdmissionControl::View AdmissionControl::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

std::string AdmissionControl::samples_csv() const {
  std::deque<Sample> kept;
  {
    const std::lock_guard lock(mutex_);  // for a moment: processors take it for each plan
    kept = kept_;
  }
  std::string text = admission::csv_header();
  for (const Sample& sample : kept) text += admission::csv_line(sample);
  return text;
}

/// Three numbers: CPU seconds of a request, of a full handshake, and requests per second of a live session.
void AdmissionControl::load_costs() {
  std::ifstream in(costs_file_);
  double request_s = 0, full_s = 0, demand_per_s = 0;
  if (!(in >> request_s >> full_s >> demand_per_s)) return;
  const auto sane = [](double value) { return std::isfinite(value) && value > 0 && value < 100; };
  if (!sane(request_s) || !sane(full_s) || !sane(demand_per_s)) return;
  state_.request_s = {request_s, kKeptCostWeight};
  state_.request_now_s = state_.request_s;  // else the cost would seem to have jumped
  state_.full_s = {full_s, kKeptCostWeight};
  state_.demand_per_s = {demand_per_s, 10 * kKeptCostWeight};
}

void AdmissionControl::save_costs() const {
  const std::lock_guard lock(mutex_);
  const std::string temporary = costs_file_.string() + ".new";
  {
    std::ofstream out(temporary);
    out << state_.request_s.value() << ' ' << state_.full_s.value() << ' ' << state_.demand_per_s.value()
        << '\n'
        << std::flush;
    if (!out) return;  // a hint only: the next run learns anew
  }
  std::error_code ignored;
  std::filesystem::rename(temporary, costs_file_, ignored);
}

}  // namespace sluice::server
