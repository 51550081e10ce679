#include "base/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice {
namespace {

constexpr unsigned kSubBits = 6;
constexpr std::uint64_t kSub = 1U << kSubBits;

std::uint64_t microseconds_of(Histogram::Duration value) noexcept {
  const auto bounded = std::clamp(value, Histogram::Duration::zero(), Histogram::kMax);
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(bounded).count());
}

/// Sums of durations stop at the largest one: what is merged may have been read from a file of anybody.
Histogram::Duration saturating_sum(Histogram::Duration a, Histogram::Duration b) noexcept {
  Histogram::Duration::rep sum = 0;
  if (__builtin_add_overflow(a.count(), b.count(), &sum)) return Histogram::Duration::max();
  return Histogram::Duration{sum};
}

}  // namespace

// Values below kSub have a bucket each; above, the top kSubBits bits below the leading one select it.
std::size_t Histogram::index_of(std::uint64_t us) noexcept {
  if (us < kSub) return us;
  const unsigned shift = static_cast<unsigned>(std::bit_width(us)) - 1 - kSubBits;
  return (shift + 1) * kSub + ((us >> shift) - kSub);
}

std::uint64_t Histogram::upper_of(std::size_t index) noexcept {
  if (index < kSub) return index;
  const std::size_t shift = index / kSub - 1;
  return ((kSub + index % kSub + 1) << shift) - 1;
}

void Histogram::record(Duration value, std::uint64_t times) {
  if (times == 0) return;
  value = std::clamp(value, Duration::zero(), kMax);
  const std::size_t index = index_of(microseconds_of(value));
  if (index >= counts_.size()) counts_.resize(index + 1);
  counts_[index] += times;
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += value * static_cast<Duration::rep>(times);
  count_ += times;
}

void Histogram::merge(const Histogram& other) {
  if (other.empty()) return;
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ = saturating_sum(sum_, other.sum_);
  count_ += other.count_;
}

void Histogram::clear() noexcept {
  std::fill(counts_.begin(), counts_.end(), 0);
  count_ = 0;
  min_ = max_ = sum_ = Duration::zero();
}

Histogram::Duration Histogram::mean() const noexcept {
  return count_ == 0 ? Duration::zero() : sum_ / static_cast<Duration::rep>(count_);
}

Histogram::Duration Histogram::quantile(double q) const noexcept {
  if (count_ == 0) return Duration::zero();
  const double wanted = std::clamp(q, 0.0, 1.0) * static_cast<double>(count_);
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(wanted)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min<Duration>(max_, std::chrono::microseconds{upper_of(i) + 1});
  }
  return max_;
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  std::vector<Bucket> used;
  for (std::size_t i = 0; i < counts_.size(); ++i)
    if (counts_[i] != 0) used.push_back({upper_of(i), counts_[i]});
  return used;
}

Histogram Histogram::restore(const std::vector<Bucket>& buckets, Duration min, Duration max, Duration sum) {
  Histogram histogram;
  for (const auto& [upper_us, count] : buckets) {
    const std::size_t index = index_of(std::min(upper_us, microseconds_of(kMax)));
    if (index >= histogram.counts_.size()) histogram.counts_.resize(index + 1);
    histogram.counts_[index] += count;
    histogram.count_ += count;
  }
  if (histogram.empty()) return {};
  histogram.min_ = min;
  histogram.max_ = max;
  histogram.sum_ = sum;
  return histogram;
}

}  // namespace sluice
