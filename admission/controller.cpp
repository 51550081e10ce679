#include "admission/controller.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace sluice::admission {

namespace {

constexpr std::array<std::pair<Policy, std::string_view>, 4> kNames{
    {{Policy::off, "off"},
     {Policy::observe, "observe"},
     {Policy::paper, "paper"},
     {Policy::session_budget, "session-budget"}}};

constexpr double kRateMemory_s = 3;       // departures, offered newcomers
constexpr double kHandshakeMemory_s = 3;  // cost of a handshake
constexpr double kBackground =
    0.005;  // CPUs that timers take on an idle server, by which no request is to be billed
constexpr double kTrimMin = 0.5, kTrimMax = 1.25;
constexpr double kTrimIdle = 0.25;     // of the response target: below it nothing stands and waits
constexpr double kTrimPatience_s = 2;  // nobody was turned away for so long: nobody wants more
constexpr double kTrimDown = 0.05, kTrimUp = 0.02;  // per second
constexpr double kGuardDown = 0.3, kGuardUp = 0.1;  // per second
constexpr double kIdleShare = 0.8;    // below this share of the CPUs, waiting is not for the CPU
constexpr double kHorizonPauses = 4;  // e^-4: two of a hundred who think are taken for gone
constexpr double kHorizonMin_s = 1, kHorizonMax_s = 30;
constexpr double kHeadroom = 1.5;   // of the rate over the departures: a place that is free is taken at once
constexpr double kShedTo = 0.85;    // of the CPUs, so that what stands in the queue is worked off
constexpr double kLifeMax_s = 600;  // of a session: a longer one is not told from a lull without departures
constexpr double kBacklogWeight = 0.3;  // few requests wait for the application's own threads
constexpr double kJumpMemories = 3;     // after them a jump has been seen whole
constexpr double kCostMin_s = 1e-6;

double keep_of(double elapsed_s, double memory_s) noexcept { return std::exp(-elapsed_s / memory_s); }

double smooth(double old, double per_s, double keep) noexcept { return old * keep + per_s * (1 - keep); }

/// What the period teaches, whatever the policy.
void learn(const BudgetSettings& settings, State& s, const Sample& sample) {
  const double dt = sample.elapsed_s;
  const double other = std::max(0.0, sample.cpu_other - kBackground * dt);
  const double requests_cpu = sample.cpu_requests + sample.cpu_resumed + other;
  s.request_s.add(requests_cpu, sample.requests, keep_of(dt, settings.cost_memory_s));
  s.request_now_s.add(requests_cpu, sample.requests, keep_of(dt, settings.jump_memory_s));
  const bool jumped = std::abs(s.request_now_s.value() / s.request_s.value() - 1) > settings.jump;
  s.jumping_s = jumped ? kJumpMemories * settings.jump_memory_s : s.jumping_s - dt;
  if (s.jumping_s > 0) s.request_s = s.request_now_s;
  s.full_s.add(sample.cpu_full, sample.full, keep_of(dt, kHandshakeMemory_s));
  s.resumed_s.add(sample.cpu_resumed, sample.resumed, keep_of(dt, kHandshakeMemory_s));
  s.connection_new_s.add(sample.cpu_connections_new, sample.connections_new, keep_of(dt, kRateMemory_s));
  s.connection_resumed_s.add(sample.cpu_connections_resumed, sample.connections_resumed,
                             keep_of(dt, kRateMemory_s));
  s.pause_s.add(sample.pause_s, sample.demand, keep_of(dt, settings.demand_memory_s));
  // Requests that stand in a queue are missing in the count, so an overloaded server would seem less in
  // demand.
  FadingRatio demand = s.demand_per_s;
  demand.add(sample.demand, sample.live * dt, keep_of(dt, settings.demand_memory_s));
  const bool queueing = sample.run_delay_min_s > 2 * settings.response_target_s;
  if (!queueing || demand.value() > s.demand_per_s.value()) s.demand_per_s = demand;

  const double keep = keep_of(dt, std::clamp(s.pause_s.value(), settings.fill_min_s, kRateMemory_s));
  s.departures_per_s = smooth(s.departures_per_s, sample.departed / dt, keep);
  s.offered_per_s = smooth(s.offered_per_s, sample.offered / dt, keep);
  s.refusals_cpu = smooth(s.refusals_cpu, sample.cpu_refusals / dt, keep_of(dt, settings.jump_memory_s));
}

/// What work has to stand and wait for, seconds.
double standing_wait(const Sample& sample) noexcept {
  return std::max(sample.run_delay_min_s, kBacklogWeight * sample.backlog_s);
}

void feed_back(const BudgetSettings& settings, State& s, const Sample& sample) {
  const double dt = sample.elapsed_s;
  const bool late = sample.run_delay_min_s > settings.response_target_s + s.full_s.value();
  // With more sessions than planned for, the wait says nothing about the plan.
  const bool as_planned = sample.live * s.demand_per_s.value() * s.request_s.value() <
                          sample.cpus * settings.utilization * s.trim;
  // While somebody is turned away though nothing waits, more may be possible: a server with a little queue
  // takes less CPU for each request than one that is woken up for it.
  s.all_in_s = sample.refused > 0 ? 0 : s.all_in_s + dt;
  const bool wanted = s.all_in_s < kTrimPatience_s;
  const bool idle = sample.run_delay_min_s < kTrimIdle * settings.response_target_s;
  if (late && as_planned) s.trim *= 1 - kTrimDown * dt;
  if (!late && (s.trim < 1 || (wanted && idle))) s.trim += kTrimUp * dt;
  if (!wanted && s.trim > 1) s.trim = std::max(1.0, s.trim - kTrimUp * dt);
  s.trim = std::clamp(s.trim, kTrimMin, kTrimMax);
  const bool waiting = sample.in_flight_max > 0 && sample.in_flight >= sample.in_flight_max &&
                       sample.cpu_total() < kIdleShare * sample.cpus * dt;
  s.guard = std::clamp(waiting ? s.guard * (1 - kGuardDown * dt) : s.guard + kGuardUp * dt, kTrimMin, 1.0);
  const bool strained = sample.run_delay_min_s > settings.shed_delay_s;
  s.strained_s = strained ? s.strained_s + dt : 0;
  s.shedding = s.shedding && strained;
}

/// docs/admission.md, "The law".
Plan plan_budget(const BudgetSettings& settings, State& s, const Sample& sample) {
  Plan plan;
  const double departures = std::max(s.departures_per_s, 0.0);
  const double cpus = std::max(0.0, sample.cpus * settings.utilization - s.refusals_cpu);
  plan.supply = cpus * s.trim;
  plan.session_cpu = std::max(s.demand_per_s.value() * s.request_s.value(), kCostMin_s * 1e-3);
  plan.entry_s = std::max(s.full_s.value() + s.request_s.value(), kCostMin_s);
  plan.sessions_max = plan.supply / plan.session_cpu;
  if (s.guard < 1) plan.sessions_max = std::min(plan.sessions_max, sample.live * s.guard);
  const double slack = std::max(0.0, plan.supply - plan.session_cpu * sample.live);
  const double free_places = std::max(0.0, plan.sessions_max - sample.live);
  const double fill_s = std::clamp(s.pause_s.value(), settings.fill_min_s, settings.fill_max_s);
  plan.rate = std::min(kHeadroom * departures + free_places / fill_s, slack / plan.entry_s);
  const double target = settings.response_target_s + s.full_s.value();
  plan.rate *= std::clamp(1.5 - standing_wait(sample) / target, 0.0, 1.0);
  // Once begun it goes on until it was enough: what is known of a jump of costs lags behind it.
  const double bearable = s.shedding ? cpus : settings.shed_excess * cpus;
  if (s.strained_s >= settings.shed_after_s && plan.session_cpu * sample.live > bearable) {
    plan.shed = std::max(0.0, std::floor(sample.live - kShedTo * cpus / plan.session_cpu));
    s.shedding = true;
    s.strained_s = 0;
  }
  return plan;
}

/// N_max(k+1) = (k A - O(k) CTO) / CTN, R(k) = (N(k) CTN + O(k) CTO) / k.
Plan plan_paper(const PaperSettings& settings, State& s, const Sample& sample) {
  Plan plan;
  s.interval_s += sample.elapsed_s;
  s.interval_new += sample.offered;
  s.interval_resumed += sample.resuming;
  if (s.interval_s >= settings.interval_s) {
    const bool whole = settings.cost == PaperCost::connection;
    const double measured_new = whole ? s.connection_new_s.value() : s.full_s.value();
    const double measured_resumed = whole ? s.connection_resumed_s.value() : s.resumed_s.value();
    const double cost_new = std::max(settings.new_s > 0 ? settings.new_s : measured_new, kCostMin_s);
    const double cost_resumed = settings.resumed_s > 0 ? settings.resumed_s : measured_resumed;
    const double scale = settings.interval_s / s.interval_s;
    const double spent = s.interval_resumed * scale * cost_resumed;
    s.paper_quota = std::max(0.0, std::floor((settings.interval_s * sample.cpus - spent) / cost_new));
    s.paper_required = (s.interval_new * scale * cost_new + spent) / settings.interval_s;
    s.interval_s = s.interval_new = s.interval_resumed = 0;
    plan.interval_begins = true;
  }
  plan.quota = s.paper_quota;
  plan.cpus_required = s.paper_required;
  return plan;
}

/// What sessions that ask to come in, and those that are in, would take if none was turned away: each brings
/// its entry and, until it leaves, its share of the work.
double required(const BudgetSettings& settings, const State& s, const Plan& plan, const Sample& sample) {
  const double departures = std::max(s.departures_per_s, 0.0);
  const double life_s = departures > 0 ? std::min(sample.live / departures, kLifeMax_s) : 0;
  const double carried = std::max(sample.live, s.offered_per_s * life_s);
  return (carried * plan.session_cpu + s.offered_per_s * plan.entry_s) / settings.utilization;
}

}  // namespace

std::string_view name_of(Policy policy) noexcept {
  for (const auto& [known, name] : kNames) {
    if (known == policy) return name;
  }
  return "off";
}

std::optional<Policy> parse_policy(std::string_view name) noexcept {
  for (const auto& [policy, known] : kNames) {
    if (known == name) return policy;
  }
  return std::nullopt;
}

void FadingRatio::add(double numerator, double denominator, double keep) noexcept {
  pending_ = pending_ * keep + numerator;
  if (denominator <= 0) return;
  numerator_ = numerator_ * keep + std::exchange(pending_, 0);
  denominator_ = denominator_ * keep + denominator;
  if (denominator_ >= weight_) return;
  numerator_ *= weight_ / denominator_;
  denominator_ = weight_;
}

Decision decide(const Settings& settings, const State& state, const Sample& sample) {
  Decision decision{state, {}};
  State& s = decision.next;
  if (sample.elapsed_s > 0) {  // else: plan from what is known, rather than open the gate
    learn(settings.budget, s, sample);
    feed_back(settings.budget, s, sample);
  }
  Plan plan = plan_budget(settings.budget, s, sample);
  plan.cpus_required = required(settings.budget, s, plan, sample);
  plan.horizon_s = std::clamp(kHorizonPauses * s.pause_s.value(), kHorizonMin_s, kHorizonMax_s);
  if (settings.policy == Policy::paper) {
    const Plan paper = plan_paper(settings.paper, s, sample);
    plan.sessions_max = plan.rate = Plan::kUnlimited;
    plan.shed = 0;
    plan.quota = paper.quota;
    plan.interval_begins = paper.interval_begins;
    plan.cpus_required = paper.cpus_required;
  } else {
    s.interval_s = s.interval_new = s.interval_resumed = 0;  // when it comes back, it begins anew
    s.paper_quota = Plan::kUnlimited;
  }
  if (settings.policy == Policy::off || settings.policy == Policy::observe) plan.shed = 0;
  plan.policy = settings.policy;
  decision.plan = plan;
  return decision;
}

}  // namespace sluice::admission
