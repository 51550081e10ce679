#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/clock.hpp"

namespace sluice::auction::postgresql {

/// Counts of all processors. Any thread.
struct Counters {
  static constexpr std::array kCommitSeconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0};
  using Count = std::atomic<std::uint64_t>;

  Count reads{0}, reads_failed{0}, reads_given_up{0}, reads_refused{0};
  Count writes{0}, writes_failed{0}, writes_refused{0};
  Count conflicts{0}, outcomes_asked{0};
  Count connects{0}, connects_failed{0}, replica_replaced{0};
  std::atomic<std::int64_t> reads_under_way{0}, writes_waiting{0};
  std::array<Count, kCommitSeconds.size() + 1> commits{};
  Count commit_nanos{0};

  void count_commit(std::chrono::nanoseconds took) noexcept;
  /// Prometheus' text format.
  std::string metrics(bool up, std::int64_t sessions, std::size_t queue_max) const;
};

inline void count(Counters::Count& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

/// Whether the primary can be reached; shared by all processors and the keeper. Any thread.
///
/// A processor that can't connect says so, and from then on nobody tries but the keeper: requests fail at
/// once. When the keeper has got through, everybody may connect again.
class Health {
 public:
  bool up() const noexcept { return up_.load(std::memory_order_acquire); }
  /// The primary is away. Tells the operator when it was up before.
  void set_away(std::string reason);
  void set_up();
  /// Empty while all is well; otherwise a sentence.
  std::string problem() const;

  /// Waits until the primary is away, `stop` was called, or `until`. False: stopped.
  bool wait_while_up(Monotonic::time_point until);
  /// Waits until `stop` was called, or `until`. False: stopped.
  bool wait(Monotonic::time_point until);
  void stop();

 private:
  std::atomic<bool> up_{false};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string reason_ = "the database was not looked for yet";  // guarded by mutex_
  bool stopping_ = false, told_away_ = false;                   // guarded by mutex_
};

}  // namespace sluice::auction::postgresql
