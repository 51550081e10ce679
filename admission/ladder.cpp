#include "admission/ladder.hpp"

#include <algorithm>
#include <chrono>

namespace sluice::admission {

namespace {

/// A bucket holds so much of its share: a burst is explained, not only a steady trickle.
constexpr double kBucket_s = 0.5;

constexpr std::size_t index(Step step) noexcept { return static_cast<std::size_t>(step); }

}  // namespace

Ladder::Ladder(LadderSettings settings) noexcept : settings_(settings) {
  buckets_ = {settings.explain * kBucket_s, settings.alert * kBucket_s, settings.reset * kBucket_s};
}

void Ladder::follow(double cpus, const std::array<double, static_cast<std::size_t>(Step::count)>& costs,
                    bool resuming_seen) noexcept {
  cpus_ = cpus;
  costs_ = costs;
  resuming_seen_ = resuming_seen;
}

double Ladder::per_s(Step step) const noexcept {
  const std::array shares{settings_.explain, settings_.alert,
                          resuming_seen_ ? settings_.reset_among_resuming : settings_.reset};
  return shares[index(step)] * cpus_;
}

void Ladder::refill(Instant now) noexcept {
  const double passed = std::max(0.0, std::chrono::duration<double>(now - refilled_).count());
  refilled_ = now;
  for (const Step step : {Step::explain, Step::alert, Step::reset}) {
    double& bucket = buckets_[index(step)];
    bucket = std::min(per_s(step) * kBucket_s, bucket + per_s(step) * passed);
  }
}

void Ladder::book(Step step, Instant now) noexcept {
  refill(now);
  double& bucket = buckets_[index(step)];
  const double cost = costs_[index(step)];
  bucket = std::max(bucket - cost, -std::max(cost, per_s(step) * kBucket_s));
}

bool Ladder::can_explain(Instant now, bool expected) noexcept {
  refill(now);
  const double kept = expected ? 0 : per_s(Step::explain) * kBucket_s / 2;
  return buckets_[index(Step::explain)] >= kept + costs_[index(Step::explain)];
}

Step Ladder::choose(Instant now, bool expected) noexcept {
  Step step = Step::reset;
  if (can_explain(now, expected)) {
    step = Step::explain;
  } else if (buckets_[index(Step::alert)] >= costs_[index(Step::alert)]) {
    step = Step::alert;
  }
  book(step, now);
  return step;
}

bool Ladder::exhausted(Instant now) noexcept {
  refill(now);
  return buckets_[index(Step::reset)] < 0;
}

}  // namespace sluice::admission
