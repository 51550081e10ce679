#include "tools/sim/cluster_member.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace sluice::tools {

namespace {

constexpr double kSmoothing = 0.3;  // as in cluster/cluster.cpp
constexpr double kHeartbeatS = cluster::Members::kHeartbeatS;

cluster::Hello hello_of(unsigned index) {
  const std::string digits = std::to_string(index + 1);
  return {.name = "member-" + std::string(3 - std::min<std::size_t>(3, digits.size()), '0') + digits,
          .incarnation = index + 1};
}

/// Nobody comes back, so who is not heard of for much longer than people think need not be remembered.
std::chrono::seconds memory_of(const Visitors& visitors) noexcept {
  return std::chrono::seconds{std::max(5L, std::lround(8 * visitors.think.mean_s))};
}

std::uint32_t whole(double value) noexcept { return static_cast<std::uint32_t>(std::clamp(value, 0.0, 4e9)); }

}  // namespace

ClusterMember::ClusterMember(const ClusterScenario& of, unsigned index, Instant now)
    : scenario(of),
      hello(hello_of(index)),
      number(tls::number_of_member(hello.name)),
      cpus(of.each.machine.cpus),
      table({.sessions = of.each.machine.table, .memory = memory_of(of.each.visitors)}),
      gate(of.each.gate),
      members(hello),
      placement(number) {
  const auto first = admission::decide(of.each.admission, state_,
                                       {.elapsed_s = of.each.period_s, .cpus = of.each.machine.cpus});
  state_ = first.next;
  plan_ = first.plan;
  gate.follow(plan_, 1, now);
}

void ClusterMember::control(Instant now) {
  const auto horizon =
      std::chrono::duration_cast<admission::Duration>(std::chrono::duration<double>(plan_.horizon_s));
  const auto change = table.tick(now, horizon);
  sample_ = sensor.take(scenario.each.period_s, cpus.cpus(), change, cpus.oldest_s(now), in_flight);
  const auto decision = admission::decide(scenario.each.admission, state_, sample_);
  state_ = decision.next;
  plan_ = decision.plan;
  if (plan_.shed > 0) table.shed(static_cast<std::size_t>(plan_.shed), now);
  gate.follow(plan_, 1, now);
}

cluster::Digest ClusterMember::measure() {
  const double used = sample_.elapsed_s > 0 ? sample_.cpu_total() / sample_.elapsed_s : 0;
  const double idle = std::clamp((sample_.cpus - used) * 1000, 0.0, 4e9);
  idle_milli_ += (idle - idle_milli_) * kSmoothing;
  const double came = static_cast<double>(received - std::exchange(received_before_, received));
  received_per_s_ += (came / kHeartbeatS - received_per_s_) * kSmoothing;
  const double live = static_cast<double>(table.live());
  const double room = std::min(plan_.sessions_max - live, plan_.quota);
  const double spare_per_s = std::min(plan_.rate, std::max(0.0, room)) - state_.offered_per_s;
  const double spare = std::max(0.0, spare_per_s + received_per_s_);
  return {.policy = std::string(admission::name_of(plan_.policy)),
          .cpus_milli = whole(sample_.cpus * 1000),
          .idle_milli = static_cast<std::uint32_t>(idle_milli_),
          .live_sessions = whole(live),
          .room_sessions = whole(room),
          .spare_milli = static_cast<std::uint32_t>(std::min(spare, 1e6) * 1000)};
}

void ClusterMember::update(const cluster::Digest& own, Instant now) {
  if (scenario.share_takes) {
    placement.update(own, members.others());
  } else {
    // Undoes the division that Placement does.
    auto others = members.others();
    const auto full = [](const cluster::Member& member) {
      return member.serving() && member.digest.spare_milli == 0;
    };
    const double senders = 1 + static_cast<double>(std::ranges::count_if(others, full));
    for (auto& other : others) other.digest.spare_milli = whole(other.digest.spare_milli * senders);
    placement.update(own, others);
  }
  members.tick(now);
}

ClusterMember::Taken ClusterMember::taken(const cluster::Digest& digest) {
  const Taken since{static_cast<double>(received - std::exchange(received_at_digest_, received)), takes_};
  takes_ = digest.spare_milli / 1e3 * kHeartbeatS;
  return since;
}

}  // namespace sluice::tools
