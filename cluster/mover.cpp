#include "cluster/mover.hpp"

namespace sluice::cluster {

void Mover::beat(const Digest& own, const std::vector<Member>& others, const Movable& movable,
                 bool rebalances) {
  Wanted wanted;
  {
    const std::lock_guard lock(mutex_);
    heard_.clear();
    for (const Member& member : others) heard_[member.number] = member.heard;
    if (evacuating_) {
      moves_ = rebalance_.evacuate(others, movable);
    } else if (rebalances) {
      moves_ = rebalance_.update(own, others, movable);
    } else {
      moves_.clear();
    }
    for (const Move& move : moves_)
      (move.kind == ConnectionKind::idle ? wanted.idle : wanted.busy) += move.count;
    for (const auto& [to, count] : ordered_) wanted.idle += count, wanted.busy += count;
  }
  if (order_ && wanted.idle + wanted.busy > 0) order_(wanted);
}

std::uint32_t Mover::taken(const Digest& own, std::uint32_t room) const {
  const std::lock_guard lock(mutex_);
  return evacuating_ ? 0 : rebalance_.taken(own, room);
}

void Mover::send(tls::MemberNumber to, std::size_t count) {
  const std::lock_guard lock(mutex_);
  ordered_[to] += count;
}

std::optional<Mover::Ticket> Mover::next() {
  const std::lock_guard lock(mutex_);
  if (!ordered_.empty()) {
    const auto first = ordered_.begin();
    const tls::MemberNumber to = first->first;
    if (--first->second == 0) ordered_.erase(first);
    return Ticket{.to = to, .ordered = true, .manual = true};
  }
  for (Move& move : moves_) {
    if (move.count == 0) continue;
    --move.count;
    rebalance_.begins(move.to, move.kind);
    return Ticket{.to = move.to, .kind = move.kind, .ordered = evacuating_};
  }
  return std::nullopt;
}

void Mover::ended(const Ticket& ticket, bool gone) {
  const std::lock_guard lock(mutex_);
  if (ticket.manual) return;
  rebalance_.ends(ticket.to, gone);
  const auto heard = heard_.find(ticket.to);
  if (!gone && heard != heard_.end()) rebalance_.failed(ticket.to, heard->second);
}

}  // namespace sluice::cluster
