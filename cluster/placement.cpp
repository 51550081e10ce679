#include "cluster/placement.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::cluster {

namespace {

constexpr double kSmoothing = 0.3;  // of a heartbeat's news

double idle_share(const Digest& digest) noexcept {
  return digest.cpus_milli == 0 ? 0
                                : std::min(1.0, static_cast<double>(digest.idle_milli) / digest.cpus_milli);
}

}  // namespace

void Placement::update(const Digest& own, const std::vector<Member>& others) {
  const std::lock_guard lock(mutex_);
  busy_ += ((1 - idle_share(own)) - busy_) * kSmoothing;
  candidates_.clear();
  double idle_sum = 0;
  for (const Member& member : others) {
    if (!member.serving()) continue;
    const double idle = idle_share(member.digest);
    const double takes = kRoomShare * member.digest.room_sessions / static_cast<double>(others.size());
    if (idle < kIdleMin || takes < 1) continue;
    candidates_.push_back({.member = member.number, .idle = idle, .takes = takes});
    idle_sum += idle;
  }
  open_.store(!candidates_.empty() && own.state == MemberState::serving, std::memory_order_relaxed);
  const double others_busy =
      candidates_.empty() ? busy_ : 1 - idle_sum / static_cast<double>(candidates_.size());
  const double gap = std::abs(busy_ - others_busy) < kGapMin ? 0 : busy_ - others_busy;
  const bool balancing = busy_ >= kBusyFrom;
  sum_ = std::clamp(balancing ? sum_ + kIntegral * gap : 0.9 * sum_, 0.0, kShareMax);
  share_ = balancing ? std::clamp(sum_ + kProportional * gap, 0.0, kShareMax) : 0;
}

std::optional<tls::MemberNumber> Placement::choose(bool no_room) {
  if (!may_choose()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (!no_room) {
    owed_ += share_;
    if (owed_ < 1) return std::nullopt;
    owed_ -= 1;
  }
  const auto best = std::ranges::max_element(
      candidates_, {}, [](const Candidate& candidate) { return candidate.takes < 1 ? -1 : candidate.idle; });
  if (best == candidates_.end() || best->takes < 1) {
    open_.store(false, std::memory_order_relaxed);
    return std::nullopt;
  }
  best->takes -= 1;
  best->idle *= 0.98;  // so that one after the other gets some
  return best->member;
}

void Placement::failed(tls::MemberNumber member) {
  const std::lock_guard lock(mutex_);
  std::erase_if(candidates_, [&](const Candidate& candidate) { return candidate.member == member; });
}

double Placement::share() const {
  const std::lock_guard lock(mutex_);
  return share_;
}

}  // namespace sluice::cluster
