#include "cluster/mover.hpp"

namespace sluice::cluster {

void Mover::beat(const Digest& own, const std::vector<Member>& others, const Movable& movable,
                 bool rebalances, Monotonic::time_point now) {
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
    std::erase_if(ordered_, [now](const auto& order) { return order.second.until <= now; });
    for (const auto& [to, order] : ordered_) wanted.idle += order.count, wanted.busy += order.count;
  }
  const bool some = wanted.idle + wanted.busy > 0;
  if (order_ && !paused_ && (some || ordering_)) order_(wanted);
  ordering_ = some;
}

std::uint32_t Mover::taken(const Digest& own, std::uint32_t room) const {
  const std::lock_guard lock(mutex_);
  return evacuating_ ? 0 : rebalance_.taken(own, room);
}

void Mover::send(tls::MemberNumber to, std::size_t count, Monotonic::time_point now) {
  const std::lock_guard lock(mutex_);
  ordered_[to] = {.count = count, .until = now + kOrderFor};
}

std::optional<Mover::Ticket> Mover::next() {
  const std::lock_guard lock(mutex_);
  for (auto& [to, order] : ordered_) {
    if (order.count == 0) continue;
    --order.count;
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

void Mover::ended(const Ticket& ticket, bool gone, bool refused) {
  const std::lock_guard lock(mutex_);
  if (ticket.manual) {
    const auto order = ordered_.find(ticket.to);
    if (!gone && order != ordered_.end()) ++order->second.count;
    return;
  }
  rebalance_.ends(ticket.to, gone);
  const auto heard = heard_.find(ticket.to);
  if (refused && heard != heard_.end()) rebalance_.failed(ticket.to, heard->second);
}

}  // namespace sluice::cluster
