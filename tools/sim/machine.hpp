#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.hpp"

/// CPUs and the work that waits for them.
namespace sluice::tools {

/// What a CPU can be given to do.
enum class Work : std::uint8_t {
  hello,     ///< Take a newcomer's connection, read its hello, ask the gate.
  resuming,  ///< Take the connection of a client that comes back, and resume its TLS session.
  full,      ///< Full handshake of somebody who was let in.
  request,
  refusal,  ///< Of somebody who waited at the gate in vain.
  relay,    ///< Passing on what another member of a cluster serves.
};

struct Job {
  std::uint32_t visitor = 0;
  Work work = Work::request;
  Monotonic::time_point since{};  ///< When it was ready.
};

/// First in, first out; memory is reused.
template <class T>
class Ring {
 public:
  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  const T& front() const noexcept { return slots_[first_]; }
  void push(const T& value) {
    if (size_ == slots_.size()) grow();
    slots_[(first_ + size_++) & (slots_.size() - 1)] = value;
  }
  T pop() noexcept {
    const T value = slots_[first_];
    first_ = (first_ + 1) & (slots_.size() - 1);
    --size_;
    return value;
  }

 private:
  void grow() {
    std::vector<T> larger(slots_.empty() ? 64 : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = slots_[(first_ + i) & (slots_.size() - 1)];
    slots_.swap(larger);
    first_ = 0;
  }

  std::vector<T> slots_;  // a power of two of them
  std::size_t first_ = 0, size_ = 0;
};

/// c CPUs of the same speed, which take work from one queue, and from a second one only when the first is
/// empty. Work that has begun is not interrupted.
class Cpus {
 public:
  explicit Cpus(double cpus) { resize(cpus); }

  /// CPUs beyond the new number end what they do. 2.5 CPUs are three of 5/6 of the speed.
  void resize(double cpus);
  double cpus() const noexcept { return cpus_; }
  double speed() const noexcept { return speed_; }

  void submit(const Job& job, bool behind) { (behind ? behind_ : ready_).push(job); }
  std::size_t waiting() const noexcept { return ready_.size() + behind_.size(); }
  /// Since when the first in each queue has been waiting, in seconds; 0 where none is.
  std::array<double, 2> oldest_s(Monotonic::time_point now) const noexcept;

  struct Taken {
    Job job{};
    bool behind = false;  ///< It was in the second queue.
  };
  /// The next work if a CPU is free for it. The caller then calls occupy(), or takes the next one when it
  /// took no time.
  std::optional<Taken> take() noexcept;
  /// Returns the CPU on which the work runs.
  std::uint32_t occupy(const Job& job);
  /// The work on this CPU ended.
  Job release(std::uint32_t cpu);
  std::size_t running() const noexcept { return running_; }

 private:
  double cpus_ = 0, speed_ = 1;
  std::size_t count_ = 0;
  std::size_t running_ = 0;
  std::vector<Job> jobs_;            // by CPU
  std::vector<std::uint32_t> free_;  // entries of jobs_ that are not in use
  Ring<Job> ready_, behind_;
};

}  // namespace sluice::tools
