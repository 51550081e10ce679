#include <algorithm>
#include <utility>

#include "tools/sim/cluster_simulation.hpp"

namespace sluice::tools {

namespace {

constexpr double kConnectPatience_s = 0.25;  // as in server/connection_relay.cpp

double seconds(Monotonic::duration time) noexcept { return std::chrono::duration<double>(time).count(); }

}  // namespace

void ClusterSimulation::count(Fate fate) noexcept {
  result_.all.*fate += 1;
  if (measuring()) result_.measured.*fate += 1;
}

bool ClusterSimulation::gone(const Visitor& visitor) const noexcept {
  return seconds(now_ - visitor.due) > scenario_.each.visitors.timeout_s;
}

// Coming. ------------------------------------------------------------------------------------------

void ClusterSimulation::arrive() {
  schedule_arrival();
  if (living_.empty()) return;  // there is nobody to count them
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
  visitor.requests_left = scenario_.each.visitors.requests.draw(visitor.random);
  visitor.entry = visitor.server = balance(visitor.random);
  visitor.due = now_;
  count(&ClusterFates::visitors);
  result_.all.outside += 1;
  second_.visitors += 1;
  submit(visitor.entry, id, Work::hello);
}

std::uint16_t ClusterSimulation::balance(Random& random) {
  const auto count = static_cast<std::uint32_t>(living_.size());
  switch (scenario_.balancer) {
    case Balancer::round_robin: break;
    case Balancer::hash: {
      const std::uint64_t address = random.below(scenario_.addresses);
      return living_[Random{address}.bits() % count];
    }
    case Balancer::skew: {
      const auto hot = std::min(scenario_.hot, count);
      if (hot == count) break;
      if (random.unit() < scenario_.skew) return living_[random.below(hot)];
      return living_[hot + random.below(count - hot)];
    }
  }
  return living_[next_++ % count];
}

void ClusterSimulation::submit(std::uint16_t index, std::uint32_t id, Work work, bool behind) {
  visitors_[id].where = index;
  if (work != Work::hello) visitors_[id].parked.reset();
  members_[index]->cpus.submit({id, work, now_}, behind);
  dispatch(index);
}

/// Gives free CPUs of a member something to do.
void ClusterSimulation::dispatch(std::uint16_t index) {
  ClusterMember& member = *members_[index];
  while (const auto taken = member.cpus.take()) {
    const Job job = taken->job;
    member.sensor.waited(seconds(now_ - job.since), taken->behind);
    const Begun begun = begin(index, job);
    if (begun.cost_s <= 0) {
      finish(index, job, begun);
      continue;
    }
    const std::uint32_t cpu = member.cpus.occupy(job);
    if (member.running.size() <= cpu) member.running.resize(cpu + 1);
    member.running[cpu] = begun;
    later(begun.cost_s / member.cpus.speed(), {Happening::cpu_done, index, cpu});
  }
}

ClusterSimulation::Begun ClusterSimulation::begin(std::uint16_t index, const Job& job) {
  using enum Begun::Outcome;
  Visitor& visitor = visitors_[job.visitor];
  if (visitor.lost) return {vanished, 0};
  const Costs& costs = scenario_.each.costs;
  switch (job.work) {
    case Work::hello: return begin_hello(index, job.visitor);
    case Work::relay: return {passed, relay_part_s()};
    case Work::refusal: return {refused, costs.refusal_s};
    case Work::full:
      if (scenario_.each.notices_gone() && gone(visitor)) return {vanished, 0};
      return {full, costs.full_s};
    case Work::resuming:
    case Work::request: break;
  }
  if (visitor.session->shed()) {
    count(&ClusterFates::shed);
    return {refused, costs.refusal_s};
  }
  members_[index]->table.seen(*visitor.session, now_);
  return {answered, costs.request.draw(visitor.random)};
}

/// In the order of Connection::ask_as_newcomer().
ClusterSimulation::Begun ClusterSimulation::begin_hello(std::uint16_t index, std::uint32_t id) {
  using enum Begun::Outcome;
  Visitor& visitor = visitors_[id];
  ClusterMember& member = *members_[index];
  if (scenario_.each.notices_gone() && gone(visitor)) return {vanished, 0};
  if (!visitor.bounced && pass_on(index, id, false)) return {relayed, relay_part_s()};
  if (!visitor.no_room || visitor.relayed()) member.sensor.now().offered += 1;
  const auto ask = [&] {
    visitor.parked = std::make_unique<Parked>(id);
    // Everybody comes from a network of their own.
    return member.gate.ask(*visitor.parked, id, static_cast<double>(member.table.live()), now_);
  };
  auto verdict = ask();
  if (verdict != admission::Verdict::admit && !visitor.no_room && member.placement.may_choose()) {
    visitor.parked.reset();  // out of the line
    if (pass_on(index, id, true)) return {relayed, relay_part_s()};
    verdict = ask();
  }
  if (verdict == admission::Verdict::park) {
    if (!std::exchange(member.polled, true)) later(0.001, {Happening::poll, index, 0});
    return {parked, 0};
  }
  visitor.parked.reset();
  if (verdict == admission::Verdict::refuse || !admit(index, id))
    return {refused, scenario_.each.costs.refusal_s};
  return {granted, 0};
}

bool ClusterSimulation::pass_on(std::uint16_t index, std::uint32_t id, bool no_room) {
  Visitor& visitor = visitors_[id];
  if (!scenario_.delegate || visitor.relayed()) return false;
  visitor.no_room = no_room;
  const auto chosen = members_[index]->placement.choose(no_room);
  if (!chosen) return false;
  const auto place = std::ranges::lower_bound(by_number_, *chosen, {},
                                              [this](std::uint16_t i) { return members_[i]->number; });
  visitor.server = *place;
  return true;
}

// Working. -----------------------------------------------------------------------------------------

void ClusterSimulation::account(ClusterMember& member, const Begun& begun) {
  using enum Begun::Outcome;
  auto& sample = member.sensor.now();
  const double cost_s = begun.cost_s;
  member.busy_s += cost_s;
  switch (begun.outcome) {
    case full: sample.cpu_full += cost_s, sample.full += 1; break;
    case answered: sample.cpu_requests += cost_s, sample.requests += 1; break;
    case refused: sample.cpu_refusals += cost_s, sample.refused += 1; break;
    case relayed:
    case passed: sample.cpu_other += cost_s; break;
    case granted:
    case parked:
    case vanished: break;
  }
}

void ClusterSimulation::finish(std::uint16_t index, const Job& job, const Begun& begun) {
  using enum Begun::Outcome;
  ClusterMember& member = *members_[index];
  Visitor& visitor = visitors_[job.visitor];
  account(member, begun);
  if (visitor.lost) return end_lost(job.visitor);
  if (begun.outcome != parked) visitor.where = kNowhere;
  if (begun.outcome != relayed && begun.outcome != passed) visitor.cpu_s += begun.cost_s;
  switch (begun.outcome) {
    case parked: break;
    case relayed: set_out(job.visitor); break;
    case passed: later(scenario_.delay_s, {Happening::hop, visitor.server, job.visitor}); break;
    case granted:
      visitor.where = index;
      member.cpus.submit({job.visitor, Work::full, now_}, scenario_.each.sessions_first());
      break;
    case full:
      visitor.where = index;
      set_asking(visitor, true);
      member.cpus.submit({job.visitor, Work::request, now_}, false);
      break;
    case answered: answer(job.visitor); break;
    case refused: turn_away(job.visitor); break;
    case vanished:
      if (!visitor.session) return end_visit(job.visitor, &ClusterFates::gave_up);
      member.table.cancel(*visitor.session);
      end_visit(job.visitor, &ClusterFates::abandoned);
  }
}

/// Towards the member that was chosen.
void ClusterSimulation::set_out(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  const bool there = linked(visitor.entry, visitor.server);
  if (!there) in_vain(visitor.entry, visitor.server);
  count(&ClusterFates::relayed);
  second_.relayed += 1;
  if (there) return later(scenario_.delay_s, {Happening::reach, visitor.server, id});
  visitor.bounced = true;
  later(kConnectPatience_s, {Happening::bounce, visitor.entry, id});
}

void ClusterSimulation::in_vain(std::uint16_t from, std::uint16_t to) {
  count(&ClusterFates::in_vain);
  second_.in_vain += 1;
  for (Aftermath& aftermath : result_.aftermaths) {
    const bool concerned = aftermath.fault.member == to || aftermath.fault.member == from;
    if (!concerned || seconds_until(now_) < aftermath.fault.at_s) continue;
    aftermath.sent += 1;
    aftermath.until_s = seconds_until(now_) - aftermath.fault.at_s;
  }
}

void ClusterSimulation::reach(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  if (visitor.lost || !linked(visitor.entry, visitor.server)) return end_lost(id);
  members_[visitor.server]->received += 1;
  submit(visitor.server, id, Work::hello);
}

/// The pause of an admitted client is over.
void ClusterSimulation::ask(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  if (visitor.lost) return end_lost(id);
  visitor.due = now_;
  set_asking(visitor, true);
  submit(visitor.entry, id, visitor.relayed() ? Work::relay : Work::request);
}

void ClusterSimulation::set_asking(Visitor& visitor, bool asking) noexcept {
  if (std::exchange(visitor.asking, asking) != asking) members_[visitor.server]->in_flight += asking ? 1 : -1;
}

void ClusterSimulation::answer(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  ClusterMember& member = *members_[visitor.server];
  const double response = seconds(now_ - visitor.due);
  const bool first = !std::exchange(visitor.first_answered, true);
  set_asking(visitor, false);
  second_responses_.record(now_ - visitor.due);
  if (!first) {
    const double pause = seconds(visitor.due - visitor.answered);
    const double target = scenario_.each.admission.budget.response_target_s;
    member.sensor.returned(pause, visitor.session->returned(pause, response, target));
  }
  visitor.session->answered(now_);
  visitor.answered = now_;
  if (gone(visitor)) {
    member.table.leave(*visitor.session, now_);
    end_visit(id, &ClusterFates::abandoned);
  } else if (--visitor.requests_left == 0) {
    if (scenario_.each.visitors.says_goodbye) member.table.leave(*visitor.session, now_);
    if (visitor.relayed()) count(&ClusterFates::relayed_served);
    end_visit(id, &ClusterFates::completed);
  } else {
    later(scenario_.each.visitors.think.draw(visitor.random), {Happening::ask, visitor.server, id});
  }
}

// Going. -------------------------------------------------------------------------------------------

/// Turned away at the gate, or, though admitted once, afterwards.
void ClusterSimulation::turn_away(std::uint32_t id) {
  Visitor& visitor = visitors_[id];
  second_.refused += 1;
  if (visitor.session) return end_visit(id, nullptr);
  if (visitor.relayed()) {
    count(&ClusterFates::relayed_refused);
    second_.relayed_refused += 1;
  }
  end_visit(id, &ClusterFates::turned_away);
}

bool ClusterSimulation::admit(std::uint16_t index, std::uint32_t id) {
  ClusterMember& member = *members_[index];
  Visitor& visitor = visitors_[id];
  visitor.session = member.table.begin({.id = {visitor.random.bits(), visitor.random.bits()}}, now_);
  if (!visitor.session) return false;
  member.sensor.now().admitted += 1;
  second_.admitted += 1;
  count(&ClusterFates::admitted);
  result_.all.outside -= 1;
  result_.all.inside += 1;
  return true;
}

/// The gate lets in somebody who waited.
void ClusterSimulation::grant(std::uint16_t index, std::uint32_t id) {
  const Work next = admit(index, id) ? Work::full : Work::refusal;
  submit(index, id, next, next == Work::full && scenario_.each.sessions_first());
}

void ClusterSimulation::end_lost(std::uint32_t id) {
  const bool inside = visitors_[id].session != nullptr;
  end_visit(id, inside ? &ClusterFates::lost_inside : &ClusterFates::lost_outside);
}

void ClusterSimulation::end_visit(std::uint32_t id, Fate fate) {
  Visitor& visitor = visitors_[id];
  (visitor.session ? result_.all.inside : result_.all.outside) -= 1;
  // One that never came to anything says nothing of what a connection costs.
  if (visitor.first_answered) {
    auto& sample = members_[visitor.server]->sensor.now();
    sample.connections_new += 1;
    sample.cpu_connections_new += visitor.cpu_s;
  }
  if (fate != nullptr) count(fate);
  if (fate == &ClusterFates::completed) second_.completed += 1;
  if (visitor.session && fate != &ClusterFates::completed) second_.lost += 1;
  set_asking(visitor, false);
  visitor.parked.reset();
  visitor.session.reset();
  visitors_free_.push_back(id);
}

}  // namespace sluice::tools
