#include "cluster/rebalance.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sluice::cluster {

namespace {

double cpus_of(const Digest& digest) noexcept { return digest.cpus_milli / 1e3; }
double used_of(const Digest& digest) noexcept {
  return cpus_of(digest) - std::min(digest.idle_milli, digest.cpus_milli) / 1e3;
}
double busy_share(const Digest& digest) noexcept {
  return digest.cpus_milli == 0 ? 1 : used_of(digest) / cpus_of(digest);
}

std::uint32_t per_beat(double per_s) noexcept {
  return static_cast<std::uint32_t>(std::ceil(per_s * Members::kHeartbeatS));
}

struct Sum {
  double used = 0, cpus = 0;
  void add(double more_used, double more_cpus) noexcept { used += more_used, cpus += more_cpus; }
  double share() const noexcept { return cpus > 0 ? used / cpus : 0; }
};

}  // namespace

Rebalance::Rebalance(std::uint32_t per_s, std::uint64_t seed) noexcept
    : per_s_(per_s), turn_(static_cast<double>(seed * 0x9e3779b97f4a7c15 >> 11) * 0x1.0p-53) {}

// What went. ---------------------------------------------------------------------------------------

void Rebalance::begins(tls::MemberNumber to, ConnectionKind kind) {
  Sent& sent = sent_[to];
  ++sent.under_way;
  sent.cpus_under_way += kind == ConnectionKind::idle ? each_idle_ : each_busy_;
}

void Rebalance::ends(tls::MemberNumber to, bool gone) {
  const auto at = sent_.find(to);
  if (at == sent_.end() || at->second.under_way == 0) return;
  Sent& sent = at->second;
  const double one = sent.cpus_under_way / sent.under_way;
  --sent.under_way;
  sent.cpus_under_way -= one;
  if (!gone) return;
  sent.fresh += one;
  fresh_ += one;
}

void Rebalance::failed(tls::MemberNumber to, Monotonic::time_point heard) { failed_.push_back({to, heard}); }

void Rebalance::beat(const std::vector<Member>& others, const Movable& movable) {
  each_idle_ = movable.idle.each(), each_busy_ = movable.busy.each();
  unseen_ = (unseen_ + std::exchange(fresh_, 0)) * (1 - Members::kNewsWeight);
  for (auto& [member, sent] : sent_)  // whose digests are a heartbeat older
    sent.unseen = sent.unseen * (1 - Members::kNewsWeight) + std::exchange(sent.fresh, 0);
  std::erase_if(sent_, [](const auto& entry) {
    return entry.second.under_way == 0 && entry.second.unseen < kWorth / 10;
  });
  std::erase_if(failed_, [&](const Failed& failed) {
    return std::ranges::none_of(others, [&](const Member& member) {
      return member.number == failed.member && member.heard <= failed.heard;
    });
  });
}

// The even state. ----------------------------------------------------------------------------------

bool Rebalance::takes(const Member& member) const {
  return member.serving() && member.digest.takes > 0 && member.digest.cpus_milli > 0 &&
         std::ranges::find(failed_, member.number, &Failed::member) == failed_.end();
}

double Rebalance::used_by(const Member& member) const {
  const auto sent = sent_.find(member.number);
  const double more = sent == sent_.end() ? 0 : sent->second.unseen + sent->second.cpus_under_way;
  return used_of(member.digest) + more;
}

std::uint32_t Rebalance::most(const Member& member, std::size_t givers) const {
  const auto sent = sent_.find(member.number);
  const std::uint32_t under_way = sent == sent_.end() ? 0 : sent->second.under_way;
  const std::uint32_t most = per_beat(member.digest.takes / static_cast<double>(givers));
  return most - std::min(most, under_way);
}

Rebalance::Gap Rebalance::gap(const Digest& own, const std::vector<Member>& others) const {
  double mine = used_of(own) - unseen_;
  for (const auto& [member, sent] : sent_) mine -= sent.cpus_under_way;
  Sum takers;
  takers.add(mine, cpus_of(own));
  for (const Member& member : others)
    if (takes(member)) takers.add(used_by(member), cpus_of(member.digest));
  // Who takes nobody gives, if it has too much.
  Sum all = takers;
  for (const Member& member : others)
    if (member.serving() && !takes(member) && busy_share(member.digest) > takers.share())
      all.add(used_by(member), cpus_of(member.digest));
  const auto excess_of = [&](double used, const Digest& digest) {
    return used - all.share() * cpus_of(digest);
  };
  Gap gap{.excess = excess_of(mine, own)};
  if (gap.excess <= 0) return gap;
  const auto givers =
      1 + std::ranges::count_if(others, [&](const Member& member) {
        return member.serving() && excess_of(used_by(member), member.digest) > kEnds * cpus_of(member.digest);
      });
  for (const Member& member : others) {
    const double lacks = -excess_of(used_by(member), member.digest);
    if (takes(member) && lacks > 0)
      gap.takers.push_back({member.number, lacks, most(member, static_cast<std::size_t>(givers))});
  }
  return gap;
}

bool Rebalance::decide(double excess_share, double busy) {
  const bool wanted = active_ ? excess_share > kEnds : excess_share > kBegins && busy >= kBusyFrom;
  sure_ = wanted == active_ ? 0 : sure_ + 1;
  if (sure_ == kSureBeats) active_ = wanted, sure_ = 0;
  return active_;
}

// Orders. ------------------------------------------------------------------------------------------

/// In proportion to their weights; what is left over of each goes to another one each time.
std::uint32_t Rebalance::spread(std::uint32_t count, ConnectionKind kind, std::vector<Taker>& takers,
                                std::vector<Move>& moves) {
  constexpr double kStep = 0.6180339887498949;
  turn_ = std::fmod(turn_ + kStep, 1.0);
  double all = 0, upto = 0;
  for (const Taker& taker : takers) all += taker.weight;
  std::uint32_t placed = 0, before = 0;
  for (Taker& taker : takers) {
    upto += taker.weight;
    const auto until = static_cast<std::uint32_t>(std::floor(count * (upto / all) + turn_));
    const std::uint32_t some = std::min(until - std::min(until, std::exchange(before, until)), taker.most);
    if (some == 0) continue;
    taker.most -= some;
    placed += some;
    moves.push_back({.to = taker.member, .kind = kind, .count = some});
  }
  return placed;
}

std::vector<Move> Rebalance::update(const Digest& own, const std::vector<Member>& others,
                                    const Movable& movable) {
  beat(others, movable);
  std::vector<Move> moves;
  if (own.state != MemberState::serving || own.cpus_milli == 0) return moves;
  Gap gap = this->gap(own, others);
  if (!decide(gap.excess / cpus_of(own), busy_share(own)) || gap.takers.empty()) return moves;
  std::uint32_t left = per_beat(per_s_);
  double to_go = kGain * gap.excess;
  const auto order = [&](ConnectionKind kind, const Movable::Some& some) {
    const double each = some.each();
    if (each < kWorth || each > gap.excess) return;
    const double count = std::max(1.0, std::floor(to_go / each));
    const std::uint32_t placed =
        spread(static_cast<std::uint32_t>(std::min<double>(count, std::min(some.count, left))), kind,
               gap.takers, moves);
    left -= placed;
    gap.excess -= placed * each, to_go -= placed * each;
  };
  order(ConnectionKind::idle, movable.idle);
  if (to_go > 0) order(ConnectionKind::busy, movable.busy);
  return moves;
}

std::vector<Move> Rebalance::evacuate(const std::vector<Member>& others, const Movable& movable) {
  beat(others, movable);
  const auto givers =
      1 + std::ranges::count_if(others, [](const Member& member) {
        return member.liveness == Liveness::alive && member.digest.state == MemberState::draining;
      });
  std::vector<Taker> takers;
  for (const Member& member : others)
    if (takes(member))
      takers.push_back({.member = member.number,
                        .weight = static_cast<double>(member.digest.takes),
                        .most = most(member, static_cast<std::size_t>(givers))});
  std::vector<Move> moves;
  std::uint32_t left = per_beat(per_s_);
  left -= spread(std::min(left, movable.idle.count), ConnectionKind::idle, takers, moves);
  spread(std::min(left, movable.busy.count), ConnectionKind::busy, takers, moves);
  return moves;
}

std::uint32_t Rebalance::taken(const Digest& own, std::uint32_t room) const noexcept {
  const bool can = own.state == MemberState::serving && 1 - busy_share(own) >= kIdleMin;
  return can ? std::min(per_s_, room) : 0;
}

}  // namespace sluice::cluster
