#include "tools/sim/cluster_simulation.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::tools {

namespace {

constexpr double kPoll_s = 0.005;        // how often a processor looks at those who wait at its gate
constexpr std::chrono::hours kStart{1};  // the clock's epoch means "never" to the session table
constexpr double kSmooth_s = 3;          // of the spread

}  // namespace

ClusterSimulation::ClusterSimulation(const ClusterScenario& scenario)
    : scenario_(scenario),
      start_(Instant{} + kStart),
      now_(start_),
      events_(start_),
      random_(scenario.each.seed),
      network_(Random::stream(scenario.each.seed, 1)) {
  for (unsigned i = 0; i < scenario_.members; ++i) {
    members_.push_back(std::make_unique<ClusterMember>(scenario_, i, now_));
    by_number_.push_back(static_cast<std::uint16_t>(i));
    living_.push_back(static_cast<std::uint16_t>(i));
  }
  std::ranges::sort(by_number_, {}, [this](std::uint16_t i) { return members_[i]->number; });
  for (auto& member : members_) {
    for (const auto& other : members_) {
      if (other != member) member->members.hello(other->hello, now_);
    }
  }
}

ClusterSimulation::Instant ClusterSimulation::instant(double t) const noexcept {
  return start_ + std::chrono::duration_cast<Instant::duration>(std::chrono::duration<double>(t));
}

void ClusterSimulation::later(double seconds, Event event) {
  events_.push(now_ + std::chrono::duration_cast<Instant::duration>(std::chrono::duration<double>(seconds)),
               event);
}

/// Nobody's clock agrees with another's.
void ClusterSimulation::start() {
  for (std::uint16_t i = 0; i < members_.size(); ++i) {
    events_.push(instant(random_.unit() * scenario_.each.period_s), {Happening::control, i, 0});
    events_.push(instant(random_.unit() * cluster::Members::kHeartbeatS), {Happening::heartbeat, i, 0});
  }
  for (std::uint32_t i = 0; i < scenario_.faults.size(); ++i) {
    events_.push(instant(scenario_.faults[i].at_s), {Happening::fault, 0, i});
    result_.aftermaths.push_back({scenario_.faults[i]});
  }
  events_.push(instant(1), {Happening::second, 0, 0});
  schedule_arrival();
}

ClusterResult ClusterSimulation::run(const std::function<void(double)>& progress) {
  const Instant end = instant(scenario_.each.duration_s);
  start();
  while (!events_.empty()) {
    const auto due = events_.pop();
    if (due.at > end) break;
    now_ = due.at;
    ++result_.events;
    const std::size_t before = result_.seconds.size();
    handle(due.event);
    if (progress && result_.seconds.size() != before) progress(seconds_until(now_));
  }
  finish_result();
  return std::move(result_);
}

void ClusterSimulation::handle(const Event& event) {
  switch (event.happening) {
    case Happening::arrival: return arrive();
    case Happening::reach: return reach(event.index);
    case Happening::ask: return ask(event.index);
    case Happening::poll: return poll(event.member);
    case Happening::control: return control(event.member);
    case Happening::heartbeat: return heartbeat(event.member);
    case Happening::digest: return deliver_digest(event.member);
    case Happening::fault: return strike(scenario_.faults[event.index]);
    case Happening::second: return end_second();
    case Happening::bounce:
      if (visitors_[event.index].lost) return end_lost(event.index);
      members_[event.member]->placement.failed(members_[visitors_[event.index].server]->number);
      visitors_[event.index].server = event.member;
      return submit(event.member, event.index, Work::hello);
    case Happening::hop:
      if (visitors_[event.index].lost) return end_lost(event.index);
      return submit(event.member, event.index, Work::request);
    case Happening::cpu_done:
      ClusterMember& member = *members_[event.member];
      if (!member.alive) return;
      finish(event.member, member.cpus.release(event.index), member.running[event.index]);
      dispatch(event.member);
  }
}

/// A Poisson process of the profile's rate: candidates at its peak, thinned out (Lewis & Shedler 1979).
void ClusterSimulation::schedule_arrival() {
  const double peak = scenario_.each.profile.peak();
  double t = seconds_until(now_);
  do {
    t += random_.exponential() / peak;
    if (t > scenario_.each.duration_s) return;
  } while (random_.unit() * peak >= scenario_.each.profile.rate_at(t));
  events_.push(instant(t), {Happening::arrival, 0, 0});
}

void ClusterSimulation::heartbeat(std::uint16_t index) {
  ClusterMember& member = *members_[index];
  if (!member.alive) return;
  const auto digest = member.measure();
  const auto [came, takes] = member.taken(digest);
  if (measuring() && takes >= 1) result_.crowding.push_back(came / takes);
  member.on_the_way.push_back(digest);
  later(scenario_.delay_s, {Happening::digest, index, 0});
  member.update(digest, now_);
  later(cluster::Members::kHeartbeatS, {Happening::heartbeat, index, 0});
}

void ClusterSimulation::deliver_digest(std::uint16_t index) {
  ClusterMember& from = *members_[index];
  const auto digest = from.on_the_way.front();
  from.on_the_way.pop_front();
  for (std::uint16_t to = 0; to < members_.size(); ++to) {
    if (to == index || !linked(index, to)) continue;
    if (scenario_.loss > 0 && network_.unit() < scenario_.loss) continue;
    members_[to]->members.digest(from.hello, digest, now_);
  }
}

void ClusterSimulation::control(std::uint16_t index) {
  ClusterMember& member = *members_[index];
  if (!member.alive) return;
  member.control(now_);
  later(scenario_.each.period_s, {Happening::control, index, 0});
  if (member.gate.anybody_waits() && !member.polled) poll(index);
}

void ClusterSimulation::poll(std::uint16_t index) {
  ClusterMember& member = *members_[index];
  member.polled = false;
  if (!member.alive) return;
  while (auto* waiter = member.gate.next(static_cast<double>(member.table.live()), now_))
    grant(index, static_cast<Parked*>(waiter)->visitor);
  while (auto* waiter = member.gate.expired(now_))
    submit(index, static_cast<Parked*>(waiter)->visitor, Work::refusal);
  if (!member.gate.anybody_waits()) return;
  member.polled = true;
  later(kPoll_s, {Happening::poll, index, 0});
}

bool ClusterSimulation::linked(std::uint16_t a, std::uint16_t b) const noexcept {
  const ClusterMember &one = *members_[a], &other = *members_[b];
  return one.alive && other.alive && !one.cut_off && !other.cut_off;
}

/// Whoever went through the member, or from it to another one, is lost with it.
void ClusterSimulation::strike(const Fault& fault) {
  const auto index = static_cast<std::uint16_t>(fault.member);
  ClusterMember& member = *members_[index];
  const bool kill = fault.kind == Fault::Kind::kill;
  (kill ? member.alive : member.cut_off) = !kill;
  if (kill) std::erase(living_, index);
  std::vector<bool> free(visitors_.size());
  for (const std::uint32_t id : visitors_free_) free[id] = true;
  for (std::uint32_t id = 0; id < visitors_.size(); ++id) {
    Visitor& visitor = visitors_[id];
    const bool through = visitor.entry == index || visitor.server == index;
    if (free[id] || !through || !(kill || visitor.relayed())) continue;
    // One on the way to the member finds out by itself that nobody is there.
    if (visitor.where == kNowhere && !visitor.session && visitor.entry != index) continue;
    visitor.lost = true;
    if (kill && visitor.where == index) end_lost(id);
  }
}

void ClusterSimulation::end_second() {
  second_.t = static_cast<double>(result_.seconds.size() + 1);
  const bool measured = second_.t > scenario_.each.warmup_s;
  std::vector<double> busy, smooth;
  for (auto& member : members_) {
    const double share = std::exchange(member->busy_s, 0) / member->cpus.cpus();
    if (!member->alive) continue;
    if (measured) member->measured_busy_s += share;
    member->busy_share += (share - member->busy_share) / kSmooth_s;
    busy.push_back(share);
    smooth.push_back(member->busy_share);
    second_.cpu_mean += share;
  }
  std::ranges::sort(busy);
  std::ranges::sort(smooth);
  second_.cpu_mean /= static_cast<double>(std::max<std::size_t>(1, busy.size()));
  second_.cpu_min = quantile(busy, 0), second_.cpu_median = quantile(busy, 0.5);
  second_.cpu_max = quantile(busy, 1);
  second_.cpu_spread = quantile(smooth, 0.95) - quantile(smooth, 0.05);
  second_.p99_s = std::chrono::duration<double>(second_responses_.quantile(0.99)).count();
  if (measured) {
    result_.measured_s += 1;
    result_.responses.merge(second_responses_);
  }
  result_.seconds.push_back(second_);
  second_ = {};
  second_responses_.clear();
  later(1, {Happening::second, 0, 0});
}

void ClusterSimulation::finish_result() {
  result_.capacity = scenario_.capacity();
  for (const auto& member : members_) {
    if (member->alive && result_.measured_s > 0)
      result_.member_cpu.push_back(member->measured_busy_s / result_.measured_s);
  }
  std::ranges::sort(result_.member_cpu);
  std::ranges::sort(result_.crowding);
  std::vector<double> changes;
  for (const auto& segment : scenario_.each.profile.segments()) changes.push_back(segment.begins_s);
  for (const Fault& fault : scenario_.faults) changes.push_back(fault.at_s);
  std::ranges::sort(changes);
  result_.phases = phases_of(result_.seconds, changes);
}

}  // namespace sluice::tools
