#pragma once
#include <chrono>
#include <cstdint>
#include <vector>

/// Distribution of durations at the price of one array increment.
namespace sluice {

/// Log-linear histogram (the scheme of HdrHistogram): every power of two of microseconds is cut into 64 equal
/// buckets, so a value read back is at most 1.6 % above what was recorded, and below 64 µs exact to the
/// microsecond. Holds up to `kMax`; longer durations are counted there. Grows with the largest value seen; an
/// empty one owns no memory. Not thread-safe: one writer, merge to combine.
class Histogram {
 public:
  using Duration = std::chrono::nanoseconds;
  static constexpr Duration kMax = std::chrono::hours{1};

  void record(Duration value, std::uint64_t times = 1);
  /// Adds the content of `other`, as if its values had been recorded here.
  void merge(const Histogram& other);
  void clear() noexcept;

  std::uint64_t count() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  /// Exact, not rounded to buckets. Zero when empty.
  Duration min() const noexcept { return count_ == 0 ? Duration::zero() : min_; }
  Duration max() const noexcept { return max_; }
  Duration mean() const noexcept;
  /// The smallest bucket bound that at least the share `q` (0 to 1) of the values doesn't exceed; never above
  /// `max()`. Zero when empty.
  Duration quantile(double q) const noexcept;

  /// Everything needed to write it down and read it back: (upper bound in µs, count) of buckets in use,
  /// ascending.
  struct Bucket {
    std::uint64_t upper_us;
    std::uint64_t count;
  };
  std::vector<Bucket> buckets() const;
  /// The inverse of `buckets()` and the four exact numbers.
  static Histogram restore(const std::vector<Bucket>& buckets, Duration min, Duration max, Duration sum);
  Duration sum() const noexcept { return sum_; }

 private:
  static std::size_t index_of(std::uint64_t us) noexcept;
  static std::uint64_t upper_of(std::size_t index) noexcept;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  Duration min_{}, max_{}, sum_{};
};

}  // namespace sluice
