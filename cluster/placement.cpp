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

Placement::Placement(std::uint64_t seed) noexcept
    : turn_(static_cast<double>(seed * 0x9e3779b97f4a7c15 >> 11) * 0x1.0p-53) {}

void Placement::update(const Digest& own, const std::vector<Member>& others) {
  const std::lock_guard lock(mutex_);
  busy_ += ((1 - idle_share(own)) - busy_) * kSmoothing;
  collect(others);
  const bool pressed = own.state == MemberState::serving && (own.spare_milli == 0 || share_ > 0);
  pressed_ = pressed ? std::min(pressed_ + 1, kPressedBeats) : 0;
  open_.store(budget_ >= 1 && own.state == MemberState::serving, std::memory_order_relaxed);
}

/// Who takes newcomers, and how many from us.
void Placement::collect(const std::vector<Member>& others) {
  std::erase_if(failed_, [&](const Failed& failed) {
    return std::ranges::none_of(others, [&](const Member& member) {
      return member.number == failed.member && member.heard <= failed.heard;
    });
  });
  // Who would take newcomers himself sends none.
  const auto senders = 1 + std::ranges::count_if(others, [](const Member& member) {
                         return member.serving() && member.digest.spare_milli == 0;
                       });
  candidates_.clear();
  budget_ = std::min(budget_, 1.0);  // parts of one add up
  double idle_sum = 0, weights = 0;
  for (const Member& member : others) {
    const double idle = idle_share(member.digest);
    if (!member.serving() || idle < kIdleMin || member.digest.spare_milli == 0) continue;
    if (std::ranges::find(failed_, member.number, &Failed::member) != failed_.end()) continue;
    const double takes =
        member.digest.spare_milli / 1e3 * Members::kHeartbeatS / static_cast<double>(senders);
    weights += takes * idle;
    candidates_.push_back(
        {.member = member.number, .upto = weights, .left = std::ceil(takes), .heard = member.heard});
    budget_ += takes;
    idle_sum += idle;
  }
  set_share(candidates_.empty() ? 1 - busy_ : idle_sum / static_cast<double>(candidates_.size()));
}

void Placement::set_share(double idle_mean) {
  const double others_busy = 1 - idle_mean;
  const double gap = std::abs(busy_ - others_busy) < kGapMin ? 0 : busy_ - others_busy;
  const bool balancing = busy_ >= kBusyFrom;
  sum_ = std::clamp(balancing ? sum_ + kIntegral * gap : 0.9 * sum_, 0.0, kShareMax);
  share_ = balancing ? std::clamp(sum_ + kProportional * gap, 0.0, kShareMax) : 0;
}

/// Steps of the golden ratio fall evenly on any interval, however many there are (Knuth, TAOCP 3, 6.4).
Placement::Candidate* Placement::next_in_turn() noexcept {
  constexpr double kStep = 0.6180339887498949;
  if (candidates_.empty()) return nullptr;
  turn_ = turn_ + kStep < 1 ? turn_ + kStep : turn_ + kStep - 1;
  auto place = std::ranges::upper_bound(candidates_, turn_ * candidates_.back().upto, {}, &Candidate::upto);
  for (std::size_t i = 0; i < candidates_.size(); ++i, ++place) {
    if (place == candidates_.end()) place = candidates_.begin();
    if (place->left >= 1) return &*place;
  }
  return nullptr;
}

std::optional<tls::MemberNumber> Placement::choose(bool no_room) {
  if (!may_choose()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (!no_room) {
    owed_ += share_;
    if (owed_ < 1) return std::nullopt;
    owed_ -= 1;
  }
  Candidate* const chosen = budget_ < 1 ? nullptr : next_in_turn();
  if (chosen == nullptr) {
    open_.store(false, std::memory_order_relaxed);
    return std::nullopt;
  }
  chosen->left -= 1;
  budget_ -= 1;
  return chosen->member;
}

void Placement::failed(tls::MemberNumber member) {
  const std::lock_guard lock(mutex_);
  const auto candidate = std::ranges::find(candidates_, member, &Candidate::member);
  if (candidate == candidates_.end()) return;
  candidate->left = 0;
  failed_.push_back({member, candidate->heard});
}

std::vector<tls::MemberNumber> Placement::relief() const {
  const std::lock_guard lock(mutex_);
  std::vector<tls::MemberNumber> members;
  if (pressed_ < kPressedBeats) return members;
  for (const Candidate& candidate : candidates_) members.push_back(candidate.member);
  return members;
}

double Placement::share() const {
  const std::lock_guard lock(mutex_);
  return share_;
}

}  // namespace sluice::cluster
