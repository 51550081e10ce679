#pragma once
#include <atomic>
#include <mutex>
#include <string>

#include "apps/auction/store/sqlite/errors.hpp"

namespace sluice::auction::sqlite {

/// Whether the database is still believed; shared by the writer and all readers. Any thread.
///
/// After an I/O error the pages in memory and the bytes on disk may differ without anybody being told again
/// (the kernel reports a failed write-back once), so the store closes for good: a restart reads the log with
/// its checksums.
class Health {
 public:
  bool open() const noexcept { return open_.load(std::memory_order_acquire); }
  /// The first reason stays.
  void close(std::string reason);
  /// Closes when `error` is one after which nothing is believed; returns what to tell the caller.
  StoreError judge(const error_code& error, const char* doing);

  /// A passing condition: writes find no space, reads go on.
  void set_disk_full(bool full) noexcept { disk_full_.store(full, std::memory_order_relaxed); }

  void count_read_given_up() noexcept { reads_given_up_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t reads_given_up() const noexcept { return reads_given_up_.load(std::memory_order_relaxed); }

  /// Empty while all is well; otherwise a sentence.
  std::string problem() const;

 private:
  std::atomic<bool> open_{true};
  std::atomic<bool> disk_full_{false};
  std::atomic<std::uint64_t> reads_given_up_{0};
  mutable std::mutex mutex_;
  std::string reason_;  // guarded by mutex_
};

}  // namespace sluice::auction::sqlite
