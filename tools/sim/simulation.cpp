#include "tools/sim/simulation.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::tools {

namespace {

constexpr double kPoll_s = 0.005;        // how often a processor looks at those who wait at its gate
constexpr std::chrono::hours kStart{1};  // the clock's epoch means "never" to the session table

unsigned processors_of(const Machine& machine) noexcept {
  return machine.processors > 0 ? machine.processors : static_cast<unsigned>(std::ceil(machine.cpus));
}

}  // namespace

Simulation::Simulation(const Scenario& scenario)
    : scenario_(scenario),
      start_(Instant{} + kStart),
      now_(start_),
      events_(start_),
      cpus_(scenario.machine.cpus),
      table_(admission::SessionLimits{.sessions = scenario.machine.table}),
      polled_(processors_of(scenario.machine)),
      backlogs_(processors_of(scenario.machine)),
      random_(scenario.seed),
      known_cpus_(scenario.machine.cpus) {
  plan_.policy = scenario.admission.policy;
  // Before it knows anything, a server plans from what it starts with.
  const auto first =
      admission::decide(scenario_.admission, state_, {.elapsed_s = scenario_.period_s, .cpus = known_cpus_});
  state_ = first.next;
  plan_ = first.plan;
  for (std::size_t i = 0; i < polled_.size(); ++i) {
    gates_.push_back(std::make_unique<admission::Gate>(scenario_.gate));
    gates_.back()->follow(plan_, static_cast<unsigned>(polled_.size()), now_);
  }
}

Simulation::Instant Simulation::instant(double t) const noexcept {
  return start_ + std::chrono::duration_cast<Instant::duration>(std::chrono::duration<double>(t));
}

void Simulation::later(double seconds, Event event) {
  events_.push(now_ + std::chrono::duration_cast<Instant::duration>(std::chrono::duration<double>(seconds)),
               event);
}

Result Simulation::run(const std::function<void(double)>& progress) {
  const Instant end = instant(scenario_.duration_s);
  events_.push(instant(scenario_.period_s), {Happening::tick, 0});
  for (const auto* changes : {&scenario_.cost_factors, &scenario_.cpu_counts}) {
    for (const Change& change : *changes) events_.push(instant(change.at_s), {Happening::change, 0});
  }
  schedule_arrival();
  while (!events_.empty()) {
    const auto due = events_.pop();
    if (due.at > end) break;
    now_ = due.at;
    ++result_.events;
    const std::size_t before = result_.seconds.size();
    handle(due.event);
    if (progress && result_.seconds.size() != before) progress(seconds_until(now_));
  }
  std::vector<double> changes;
  for (const auto& segment : scenario_.profile.segments()) changes.push_back(segment.begins_s);
  for (const Change& change : scenario_.cost_factors) changes.push_back(change.at_s);
  for (const Change& change : scenario_.cpu_counts) changes.push_back(change.at_s);
  std::ranges::sort(changes);
  result_.phases = phases_of(result_.seconds, changes);
  for (Phase& phase : result_.phases)
    phase.capacity =
        scenario_.capacity(scenario_.cpus_at(phase.begins_s), scenario_.cost_factor_at(phase.begins_s));
  return std::move(result_);
}

void Simulation::handle(const Event& event) {
  switch (event.happening) {
    case Happening::arrival: arrive(); break;
    case Happening::connect: connect(event.index); break;
    case Happening::ask: ask(event.index); break;
    case Happening::poll: poll(event.index); break;
    case Happening::tick: tick(); break;
    case Happening::change: change_machine(); break;
    case Happening::cpu_done: finish(cpus_.release(event.index), running_[event.index]); break;
  }
  dispatch();
}

/// A Poisson process of the profile's rate: candidates at its peak, thinned out (Lewis & Shedler 1979).
void Simulation::schedule_arrival() {
  const double peak = scenario_.profile.peak();
  double t = seconds_until(now_);
  do {
    t += random_.exponential() / peak;
    if (t > scenario_.duration_s) return;
  } while (random_.unit() * peak >= scenario_.profile.rate_at(t));
  events_.push(instant(t), {Happening::arrival, 0});
}

void Simulation::arrive() {
  std::uint32_t id = 0;
  if (visitors_free_.empty()) {
    id = static_cast<std::uint32_t>(visitors_.size());
    visitors_.emplace_back();
  } else {
    id = visitors_free_.back();
    visitors_free_.pop_back();
    visitors_[id] = {};
  }
  Visitor& visitor = visitors_[id];
  visitor.random = Random{random_.bits()};
  visitor.requests_left = scenario_.visitors.requests.draw(visitor.random);
  visitor.processor =
      static_cast<std::uint16_t>(visitor.random.below(static_cast<std::uint32_t>(gates_.size())));
  count(&Fates::visitors);
  result_.all.outside += 1;
  second_.visitors += 1;
  visitor.due = now_;
  connect(id);
  schedule_arrival();
}

void Simulation::count(double Fates::*field) noexcept {
  result_.all.*field += 1;
  if (measuring()) result_.measured.*field += 1;
}

/// Gives free CPUs something to do.
void Simulation::dispatch() {
  while (const auto taken = cpus_.take()) {
    const Job& job = taken->job;
    sensor_.waited(std::chrono::duration<double>(now_ - job.since).count(), taken->behind);
    const Running running{begin(job), !gone(visitors_[job.visitor])};
    if (running.begun.cost_s <= 0) {
      finish(job, running);
      continue;
    }
    const std::uint32_t cpu = cpus_.occupy(job);
    if (running_.size() <= cpu) running_.resize(cpu + 1);
    running_[cpu] = running;
    later(running.begun.cost_s / cpus_.speed(), {Happening::cpu_done, cpu});
  }
}

void Simulation::poll(std::uint32_t processor) {
  polled_[processor] = 0;
  admission::Gate& gate = *gates_[processor];
  while (auto* waiter = gate.next(static_cast<double>(table_.live()), now_)) grant(unpark(*waiter));
  while (auto* waiter = gate.expired(now_)) cpus_.submit({unpark(*waiter), Work::refusal, now_}, false);
  if (!gate.anybody_waits()) return;
  polled_[processor] = 1;
  later(kPoll_s, {Happening::poll, processor});
}

void Simulation::change_machine() {
  const double t = seconds_until(now_);
  cpus_.resize(scenario_.cpus_at(t));
  cost_factor_ = scenario_.cost_factor_at(t);
}

void Simulation::tick() {
  const auto horizon =
      std::chrono::duration_cast<admission::Duration>(std::chrono::duration<double>(plan_.horizon_s));
  const auto change = table_.tick(now_, horizon);
  const auto sample = sensor_.take(scenario_.period_s, known_cpus_, change, cpus_.oldest_s(now_), in_flight_);
  const auto decision = admission::decide(scenario_.admission, state_, sample);
  state_ = decision.next;
  plan_ = decision.plan;
  if (plan_.shed > 0) table_.shed(static_cast<std::size_t>(plan_.shed), now_);
  for (std::size_t i = 0; i < gates_.size(); ++i) {
    gates_[i]->follow(plan_, static_cast<unsigned>(gates_.size()), now_);
    if (gates_[i]->anybody_waits() && polled_[i] == 0) poll(static_cast<std::uint32_t>(i));
  }
  second_.run_delay_min_s = std::max(second_.run_delay_min_s, sample.run_delay_min_s);
  events_.push(instant(static_cast<double>(++ticks_ + 1) * scenario_.period_s), {Happening::tick, 0});
  const double t = static_cast<double>(ticks_) * scenario_.period_s;
  if (t + scenario_.period_s / 2 >= static_cast<double>(result_.seconds.size() + 1)) end_second();
}

void Simulation::end_second() {
  second_.t = static_cast<double>(result_.seconds.size() + 1);
  second_.cpus = scenario_.cpus_at(second_.t - 1);
  second_.p99_s = std::chrono::duration<double>(second_responses_.quantile(0.99)).count();
  second_.inside = result_.all.inside;
  second_.live = static_cast<double>(table_.live());
  second_.sessions_max = plan_.sessions_max;
  second_.rate = plan_.rate;
  second_.session_cpu = plan_.session_cpu;
  second_.entry_s = plan_.entry_s;
  second_.trim = state_.trim;
  second_.required = plan_.cpus_required;
  if (second_.t > scenario_.warmup_s) {
    result_.measured_s += 1;
    result_.cpu_s += second_.cpus;
    result_.cpu_useful += second_.cpu_useful;
    result_.cpu_wasted += second_.cpu_wasted;
    result_.cpu_refusals += second_.cpu_refusals;
    result_.capacity += scenario_.capacity(second_.cpus, scenario_.cost_factor_at(second_.t - 1));
    result_.responses.merge(second_responses_);
  }
  if (second_.t >= scenario_.duration_s && result_.measured_s > 0) result_.capacity /= result_.measured_s;
  result_.seconds.push_back(second_);
  second_ = {};
  second_responses_.clear();
  known_cpus_ = cpus_.cpus();  // the server looks once a second, too
}

}  // namespace sluice::tools
