#include <array>
#include <utility>

#include "tools/sim/simulation.hpp"

namespace sluice::tools {

namespace {

// An unanswered SYN is sent again (RFC 6298); each delay is from the one before.
constexpr std::array kSynAgain_s{1.0, 2.0, 4.0, 8.0};
// How a browser comes back to a connection that failed.
constexpr std::array kBrowserAgain_s{0.05, 1.0, 5.0, 30.0};

double seconds(Monotonic::duration time) noexcept { return std::chrono::duration<double>(time).count(); }

}  // namespace

bool Simulation::gone(const Visitor& visitor) const noexcept {
  return seconds(now_ - visitor.due) > scenario_.visitors.timeout_s;
}

/// A SYN: a newcomer's, or that of somebody who comes back.
void Simulation::connect(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  std::uint32_t& backlog = backlogs_[visitor.processor];
  if (scenario_.machine.backlog == 0 || backlog < scenario_.machine.backlog) {
    ++backlog;
    cpus_.submit({id, visitor.session ? Work::resuming : Work::hello, now_}, false);
    return;
  }
  count(&Fates::dropped);
  second_.dropped += 1;
  const double wait = visitor.syns < kSynAgain_s.size() ? kSynAgain_s[visitor.syns++] : 1e9;
  if (seconds(now_ - visitor.due) + wait < scenario_.visitors.timeout_s) {
    later(wait, {Happening::connect, id});
  } else if (visitor.session) {
    in_flight_ -= 1;
    end_visit(id, &Fates::abandoned, &Second::abandoned);
  } else {
    end_visit(id, &Fates::gave_up, nullptr);
  }
}

/// The pause of an admitted client is over.
void Simulation::ask(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  visitor.due = now_;
  in_flight_ += 1;
  if (seconds(now_ - visitor.answered) <= scenario_.machine.keepalive_s) {
    cpus_.submit({id, Work::request, now_}, false);
    return;
  }
  end_connection(visitor);
  visitor.resumed = true;
  visitor.syns = 0;
  connect(id);
}

void Simulation::end_connection(Visitor& visitor) {
  auto& sample = sensor_.now();
  (visitor.resumed ? sample.connections_resumed : sample.connections_new) += 1;
  (visitor.resumed ? sample.cpu_connections_resumed : sample.cpu_connections_new) +=
      std::exchange(visitor.connection_cpu_s, 0);
}

Simulation::Begun Simulation::begin(const Job& job) {
  using enum Begun::Outcome;
  switch (job.work) {
    case Work::hello: return begin_hello(job.visitor);
    case Work::resuming: return begin_resuming(job.visitor);
    case Work::request: return begin_request(job.visitor);
    case Work::refusal: return {refused, scenario_.costs.refusal_s};
    case Work::full:
    case Work::relay: break;  // there is no other member
  }
  if (scenario_.notices_gone() && gone(visitors_[job.visitor])) return {vanished, 0};
  return {full, scenario_.costs.full_s};
}

Simulation::Begun Simulation::begin_hello(std::uint32_t id) {
  using enum Begun::Outcome;
  Visitor& visitor = visitors_[id];
  const Costs& costs = scenario_.costs;
  --backlogs_[visitor.processor];
  if (scenario_.notices_gone() && gone(visitor)) return {vanished, costs.accept_s};
  count(&Fates::attempts);
  second_.attempts += 1;
  sensor_.now().offered += 1;
  const std::uint32_t place = park(id);
  admission::Gate& gate = *gates_[visitor.processor];
  // Everybody comes from a network of their own.
  const auto verdict = gate.ask(parked_[place], id, static_cast<double>(table_.live()), now_);
  if (verdict == admission::Verdict::park) {
    if (std::exchange(polled_[visitor.processor], 1) == 0) later(0.001, {Happening::poll, visitor.processor});
    return {parked, costs.accept_s};
  }
  parked_free_.push_back(place);
  if (verdict == admission::Verdict::refuse || !admit(id)) return {refused, costs.accept_s + costs.refusal_s};
  // Without an order of its own the server goes on with the connection that it has in hand.
  if (!scenario_.sessions_first()) return {full, costs.accept_s + costs.full_s};
  return {granted, costs.accept_s};
}

Simulation::Begun Simulation::begin_resuming(std::uint32_t id) {
  using enum Begun::Outcome;
  Visitor& visitor = visitors_[id];
  const Costs& costs = scenario_.costs;
  --backlogs_[visitor.processor];
  if (scenario_.notices_gone() && gone(visitor)) return {vanished, costs.accept_s};
  sensor_.now().resuming += 1;
  const auto result = table_.resume(visitor.session->record(), now_, WallSeconds{}).result;
  if (result == admission::SessionTable::Resumption::in_session)
    return {resumed, costs.accept_s + costs.resumed_s};
  visitor.session->shed() ? count(&Fates::shed) : count(&Fates::abandoned);
  return {refused, costs.accept_s + costs.refusal_s};
}

Simulation::Begun Simulation::begin_request(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  if (visitor.session->shed()) {
    count(&Fates::shed);
    return {Begun::Outcome::refused, scenario_.costs.refusal_s};
  }
  table_.seen(*visitor.session, now_);
  return {Begun::Outcome::answered, scenario_.costs.request.draw(visitor.random) * cost_factor_};
}

void Simulation::account(const Begun& begun, double cost_s) {
  using enum Begun::Outcome;
  auto& sample = sensor_.now();
  switch (begun.outcome) {
    case full: sample.cpu_full += cost_s, sample.full += 1; break;
    case granted:
    case parked: sample.cpu_full += cost_s; break;
    case resumed: sample.cpu_resumed += cost_s, sample.resumed += 1; break;
    case answered: sample.cpu_requests += cost_s, sample.requests += 1; break;
    case refused: sample.cpu_refusals += cost_s, sample.refused += 1; break;
    case vanished: sample.cpu_other += cost_s; break;
  }
}

void Simulation::finish(const Job& job, const Running& running) {
  using enum Begun::Outcome;
  Visitor& visitor = visitors_[job.visitor];
  const auto [outcome, cost_s] = running.begun;
  account(running.begun, cost_s);
  visitor.connection_cpu_s += cost_s;
  (outcome == refused ? second_.cpu_refusals
   : running.useful   ? second_.cpu_useful
                      : second_.cpu_wasted) += cost_s;
  switch (outcome) {
    case parked: break;
    case granted: cpus_.submit({job.visitor, Work::full, now_}, true); break;
    case full: in_flight_ += 1; [[fallthrough]];
    case resumed: cpus_.submit({job.visitor, Work::request, now_}, false); break;
    case answered: answer(job.visitor); break;
    case refused: turn_away(job.visitor); break;
    case vanished:
      if (!visitor.session) return end_visit(job.visitor, &Fates::gave_up, nullptr);
      if (!visitor.first_answered) table_.cancel(*visitor.session);
      if (visitor.first_answered) in_flight_ -= 1;
      end_visit(job.visitor, &Fates::abandoned, &Second::abandoned);
  }
}

void Simulation::answer(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  const double response = seconds(now_ - visitor.due);
  const bool first = !std::exchange(visitor.first_answered, true);
  in_flight_ -= 1;
  second_.requests += 1;
  second_responses_.record(now_ - visitor.due);
  if (first && measuring()) result_.entries.record(now_ - visitor.due);
  if (!first) {
    const double pause = seconds(visitor.due - visitor.answered);
    sensor_.returned(
        pause, visitor.session->returned(pause, response, scenario_.admission.budget.response_target_s));
  }
  visitor.session->answered(now_);
  visitor.answered = now_;
  if (gone(visitor)) {
    table_.leave(*visitor.session, now_);
    end_visit(id, &Fates::abandoned, &Second::abandoned);
  } else if (--visitor.requests_left == 0) {
    if (scenario_.visitors.says_goodbye) table_.leave(*visitor.session, now_);
    end_visit(id, &Fates::completed, &Second::completed);
  } else {
    later(scenario_.visitors.think.draw(visitor.random), {Happening::ask, id});
  }
}

/// Turned away at the gate, or, though admitted once, afterwards.
void Simulation::turn_away(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  second_.refused += 1;
  count(&Fates::refusals);
  if (visitor.session) {
    in_flight_ -= 1;
    second_.shed += 1;
    return end_visit(id, nullptr, nullptr);
  }
  if (scenario_.visitors.retry == Retry::none || visitor.attempts >= kBrowserAgain_s.size())
    return end_visit(id, &Fates::turned_away, nullptr);
  const double wait = kBrowserAgain_s[visitor.attempts++];
  visitor.syns = 0;
  visitor.connection_cpu_s = 0;
  visitor.due = now_ + std::chrono::duration_cast<Instant::duration>(std::chrono::duration<double>(wait));
  events_.push(visitor.due, {Happening::connect, id});
}

bool Simulation::admit(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  visitor.session = table_.begin({.id = {visitor.random.bits(), visitor.random.bits()}}, now_);
  if (!visitor.session) return false;
  sensor_.now().admitted += 1;
  second_.admitted += 1;
  count(&Fates::admitted);
  result_.all.outside -= 1;
  result_.all.inside += 1;
  return true;
}

/// The gate lets in somebody who waited.
void Simulation::grant(std::uint32_t id) {
  const Work next = admit(id) ? Work::full : Work::refusal;
  cpus_.submit({id, next, now_}, next == Work::full && scenario_.sessions_first());
}

void Simulation::end_visit(std::uint32_t id, double Fates::*fate, double Second::*counter) {
  Visitor& visitor = visitors_[id];
  (visitor.session ? result_.all.inside : result_.all.outside) -= 1;
  // One that never came to anything says nothing of what a connection costs.
  if (visitor.first_answered) end_connection(visitor);
  if (fate != nullptr) count(fate);
  if (counter != nullptr) second_.*counter += 1;
  visitor.session.reset();
  visitors_free_.push_back(id);
}

std::uint32_t Simulation::park(std::uint32_t id) {
  std::uint32_t place = 0;
  if (parked_free_.empty()) {
    place = static_cast<std::uint32_t>(parked_.size());
    parked_.emplace_back().place = place;
  } else {
    place = parked_free_.back();
    parked_free_.pop_back();
  }
  parked_[place].visitor = id;
  return place;
}

std::uint32_t Simulation::unpark(admission::Waiter& waiter) {
  const auto& parked = static_cast<Parked&>(waiter);
  parked_free_.push_back(parked.place);
  return parked.visitor;
}

}  // namespace sluice::tools
