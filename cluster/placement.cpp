#include "cluster/placement.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

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
  const auto before = std::exchange(candidates_, {});
  double idle_sum = 0;
  // Who would take newcomers himself sends none.
  const auto senders = 1 + std::ranges::count_if(others, [](const Member& member) {
                         return member.serving() && member.digest.spare_milli == 0;
                       });
  for (const Member& member : others) {
    const double idle = idle_share(member.digest);
    if (!member.serving() || idle < kIdleMin || member.digest.spare_milli == 0) continue;
    const auto known = std::ranges::find(before, member.number, &Candidate::member);
    const double left = known == before.end() ? 0 : std::min(known->takes, 1.0);  // parts of one add up
    const double share =
        member.digest.spare_milli / 1e3 * Members::kHeartbeatS / static_cast<double>(senders);
    candidates_.push_back({.member = member.number, .idle = idle, .takes = left + share});
    idle_sum += idle;
  }
  const bool any = std::ranges::any_of(candidates_, [](const Candidate& c) { return c.takes >= 1; });
  open_.store(any && own.state == MemberState::serving, std::memory_order_relaxed);
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
