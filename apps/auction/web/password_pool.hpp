#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "apps/auction/web/password.hpp"
#include "server/app.hpp"

/// The threads that hash passwords, so that no processor waits for them.
namespace sluice::auction::web {

/// Shared by all processors. Memory is bounded by `threads` hashes at work, time by the queue.
///
/// Jobs are done in order of arrival while little waits. While there is more to do than the threads can do in
/// time, the newest comes first, unless the oldest has waited for `patience`: some are served in time and
/// nobody waits much longer than patience, where in order of arrival everybody would be served late
/// ("adaptive LIFO", Maurer: "Fail at Scale", ACM Queue 2015).
class PasswordPool {
 public:
  struct Config {
    unsigned threads = 1;         ///< Each holds one core and `PasswordCost`'s memory while it works.
    std::size_t queue_max = 100;  ///< Waiting hashes; some 2 s of work for a thread. Beyond it: busy.
    PasswordCost cost{};
    std::chrono::milliseconds in_order{300};   ///< Work that may wait before the newest comes first.
    std::chrono::milliseconds patience{2000};  ///< Well below the time after which people give up.
  };
  /// Throws std::invalid_argument on an unacceptable cost.
  explicit PasswordPool(Config config);
  ~PasswordPool();

  /// Drops what waits on behalf of a processor and waits for what is at work for it, so that nothing is
  /// posted to it afterwards. Call it before the processor goes.
  void forget(Executor executor);

  /// `nullopt`: the queue is full. Resumes on the processor, where it must have been called. A hash that
  /// `is_quick` is verified at once: behind others in the queue it would wait a thousand times as long.
  Task<std::optional<bool>> verify(server::ProcessorContext processor, std::string password,
                                   std::string stored);
  Task<std::optional<std::string>> hash(server::ProcessorContext processor, std::string password);

  /// A hash of an unguessable password at the configured cost, for names that no user has: they then take as
  /// long.
  const std::string& decoy() const noexcept { return decoy_; }
  const PasswordCost& cost() const noexcept { return config_.cost; }
  /// Jobs that nobody works on yet. Any thread.
  std::size_t waiting() const;
  /// How long it takes to work them off, seconds. Any thread.
  double backlog_s() const;
  /// Hashes refused because the queue was full. Any thread.
  std::uint64_t refused() const;

 private:
  struct Job {
    explicit Job(const Executor& executor) noexcept : owner(&executor.context()) {}
    virtual ~Job() = default;
    virtual void run() noexcept = 0;
    const void* const owner;
    const Monotonic::time_point since = Monotonic::now();
  };
  std::unique_ptr<Job> take();
  template <class Result, class Work>
  Task<std::optional<Result>> submit(server::ProcessorContext processor, Work work);
  bool reserve();
  void push(std::unique_ptr<Job> job);
  void work();

  const Config config_;
  const std::string decoy_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;     // a job waits, or the end has come
  std::condition_variable finished_;  // a job is done
  std::deque<std::unique_ptr<Job>> queue_;
  std::size_t reserved_ = 0;  // places in the queue, taken or promised
  std::vector<const void*> at_work_for_;
  std::uint64_t refused_ = 0;
  double job_s_ = 0;  // what a job takes
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace sluice::auction::web
