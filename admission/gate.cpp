#include "admission/gate.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::admission {

namespace {

constexpr double kBurstMin = 2;  // tokens
constexpr int kStandingShare = 10;

double seconds(Monotonic::duration time) noexcept { return std::chrono::duration<double>(time).count(); }

}  // namespace

void Gate::follow(const Plan& plan, unsigned processors, Instant now) {
  refill(now);
  policy_ = plan.policy;
  sessions_max_ = plan.sessions_max;
  rate_ = plan.rate / processors;
  if (policy_ != Policy::paper) {
    quota_ = Plan::kUnlimited;
  } else if (plan.interval_begins || !std::isfinite(quota_)) {
    // A part of a place that was left over counts on, or nobody came in where there are fewer than
    // processors.
    const double left_over = quota_ < 1 ? quota_ : 0;
    quota_ = plan.quota / processors + left_over;
  }
  tokens_ = std::min(tokens_, bucket());
}

double Gate::bucket() const noexcept { return std::max(kBurstMin, rate_ * seconds(settings_.burst)); }

bool Gate::limited() const noexcept { return policy_ == Policy::session_budget; }

void Gate::refill(Instant now) noexcept {
  const double passed = std::max(0.0, seconds(now - refilled_));
  refilled_ = now;
  if (!std::isfinite(rate_)) return;
  const double most = bucket();
  if (tokens_ < most) tokens_ = std::min(most, tokens_ + passed * rate_);
}

bool Gate::open(double live) const noexcept { return live < sessions_max_ && tokens_ >= 1; }

double Gate::predicted_wait_s() const noexcept {
  if (!limited()) return 0;
  if (rate_ <= 0) return Plan::kUnlimited;
  return (static_cast<double>(queue_.size()) + 1 - std::min(tokens_, 1.0)) / rate_;
}

Verdict Gate::ask_at_once(double live, Instant now) {
  if (policy_ == Policy::paper) {
    if (quota_ < 1) return Verdict::refuse;
    quota_ -= 1;
    return Verdict::admit;
  }
  if (!limited()) return Verdict::admit;
  refill(now);
  if (queue_.size() > 0 || !open(live)) return Verdict::refuse;
  tokens_ -= 1;
  return Verdict::admit;
}

Verdict Gate::ask_returning(double live, Instant now) {
  if (!limited()) return ask_at_once(live, now);
  refill(now);
  const double debt = std::max(1.0, rate_ * seconds(settings_.ahead));
  if (live >= sessions_max_ || tokens_ < 1 - debt) return Verdict::refuse;
  tokens_ -= 1;
  return Verdict::admit;
}

bool Gate::closed(Prefix prefix, Instant now) {
  if (policy_ == Policy::paper) return quota_ < 1;
  if (!limited()) return false;
  refill(now);
  return queue_.size() > 0 && !room(now) && !queue_.can_displace_for(prefix);
}

void Gate::give_back() noexcept {
  tokens_ += 1;
  quota_ += 1;
}

/// Whether one more may wait.
bool Gate::room(Instant now) const noexcept {
  if (queue_.size() >= settings_.parked_max) return false;
  const bool standing = now - empty_since_ > settings_.park_max;
  const double most = seconds(settings_.park_max) / (standing ? kStandingShare : 1);
  return queue_.size() == 0 || predicted_wait_s() <= most;
}

Verdict Gate::ask(Waiter& waiter, Prefix prefix, double live, Instant now) {
  if (queue_.size() == 0) empty_since_ = now;
  const Verdict verdict = ask_at_once(live, now);
  if (verdict == Verdict::admit || !limited()) return verdict;
  if (!room(now)) {
    Waiter* other = queue_.displace_for(prefix);
    if (other == nullptr) return Verdict::refuse;
    displaced_.push(*other, prefix, now);
  }
  queue_.push(waiter, prefix, now);
  return Verdict::park;
}

Waiter* Gate::next(double live, Instant now) {
  refill(now);
  if (queue_.size() == 0) return nullptr;
  if (!limited())  // the policy was switched while they waited
    return ask_at_once(live, now) == Verdict::admit ? queue_.pop() : nullptr;
  if (!open(live)) return nullptr;
  tokens_ -= 1;
  Waiter* waiter = queue_.pop();
  if (queue_.size() == 0) empty_since_ = now;
  return waiter;
}

Waiter* Gate::expired(Instant now) {
  if (Waiter* waiter = displaced_.pop()) return waiter;
  Waiter* waiter = queue_.pop_older(now - settings_.park_max);
  if (queue_.size() == 0) empty_since_ = now;
  return waiter;
}

}  // namespace sluice::admission
