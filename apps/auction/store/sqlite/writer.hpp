#pragma once
#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "apps/auction/store/sqlite/database.hpp"
#include "apps/auction/store/sqlite/health.hpp"
#include "apps/auction/store/sqlite/store.hpp"
#include "apps/auction/store/sqlite/write_operations.hpp"

namespace sluice::auction::sqlite {

/// The one thread that writes. It takes everything that is queued, runs it in one transaction, commits (one
/// fsync for all), and only then answers. While it waits for the disk the next batch gathers, so batches grow
/// with the load.
///
/// Another process may write as well (`populate --redate`, an operator with a shell). That is noticed within
/// Options::look_every, and then `changes` has changed everything.
class Writer {
 public:
  /// A write on its way. Made on a processor; run and completed on the writer's thread.
  class Job {
   public:
    virtual ~Job() = default;
    /// Inside the transaction. When it fails, its own effects are undone and its neighbours go on.
    virtual error_code run(WriteOperations& operations, WallSeconds now) noexcept = 0;
    /// Called exactly once: without an error when the batch is durable, and `run` decides the answer;
    /// otherwise with what became of the batch.
    virtual void complete(const error_code& failure) noexcept = 0;
  };

  /// Opens its connection and starts. Throws when the database can't be opened.
  Writer(const Options& options, Health& health, Changes& changes);
  ~Writer();

  /// Any thread. Completes the job right away when the queue is full or the store closed.
  void submit(std::unique_ptr<Job> job);
  /// Nothing counts as unchanged from false on, until it was seen, after true, what others have written. Any
  /// thread.
  void alone(bool yes);
  /// Finishes what is queued, and closes. Later jobs are answered with `unavailable`.
  void stop();

  /// Prometheus' text format. Any thread.
  std::string metrics() const;

 private:
  using Batch = std::vector<std::unique_ptr<Job>>;

  void run();
  bool next_batch(Batch& batch);
  void write(const Batch& batch);
  error_code run_jobs(const Batch& batch);
  error_code commit();
  StoreError abandon(const error_code& error, const char* doing);
  void keep_house();
  void look_for_others();
  void checkpoint();
  void count_commit(std::chrono::nanoseconds took) noexcept;

  const Options options_;
  Health& health_;
  Changes& changes_;

  // Used by the writer's thread only.
  Connection db_;
  WriteOperations operations_;
  Statement begin_, commit_, savepoint_, release_, roll_back_to_;
  Statement data_version_;  // changes when another connection than this one commits
  std::int64_t seen_version_ = 0;
  Monotonic::time_point house_due_, look_due_;
  int log_pages_ = 0;       // length of the write-ahead log, told by SQLite after each commit
  int checkpoint_due_ = 0;  // at this length

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Batch queue_;            // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  bool alone_ = true;      // guarded by mutex_
  unsigned told_ = 0;      // how often alone_ was set; guarded by mutex_

  struct Counters {
    static constexpr std::array kCommitSeconds{0.0005, 0.001, 0.0025, 0.005, 0.01,
                                               0.025,  0.05,  0.1,    0.25,  1.0};
    std::atomic<std::uint64_t> batches{0}, batches_failed{0}, jobs{0}, jobs_failed{0}, refused{0},
        commit_nanos{0};
    std::array<std::atomic<std::uint64_t>, kCommitSeconds.size() + 1> commits{};
  };
  Counters counters_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sluice::auction::sqlite
