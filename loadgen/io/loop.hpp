#pragma once
#include <chrono>
#include <cstdint>

#include <boost/intrusive/set.hpp>

#include "base/clock.hpp"

/// Readiness and exact timers of one thread.
namespace sluice::loadgen {

/// Deadlines are met to the accuracy of the kernel's timers (some 50 µs), as latency is counted from them: a
/// wheel with ticks would put its tick into every figure.
class Timer
    : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const noexcept { return is_linked(); }
  void cancel() noexcept { unlink(); }
  Monotonic::time_point deadline() const noexcept { return deadline_; }

 protected:
  virtual ~Timer() = default;
  /// Once, when the deadline has passed, already disarmed; may arm itself or destroy itself. `deadline()`
  /// still tells when it was due.
  virtual void on_expired() = 0;

 private:
  friend class Loop;
  friend bool operator<(const Timer& a, const Timer& b) noexcept { return a.deadline_ < b.deadline_; }
  Monotonic::time_point deadline_{};
};

/// Something with a file descriptor in the loop.
class Watched {
 public:
  /// Edge-triggered: readable, writable, or an error is there; read and write until EAGAIN. May destroy
  /// itself.
  virtual void on_ready(std::uint32_t epoll_events) = 0;

 protected:
  ~Watched() = default;
};

/// epoll, edge-triggered: a descriptor is registered once, and a request then costs no system call but its
/// own. One thread. An event whose descriptor was closed earlier in the same pass is not delivered, as
/// `remove` forgets it.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Readable and writable edges of `fd` from now on. False when the kernel has no memory for it.
  bool add(int fd, Watched& watched);
  /// Before closing `fd`.
  void remove(int fd, Watched& watched) noexcept;
  /// (Re-)arms `timer`, which must outlive its being armed.
  void arm(Timer& timer, Monotonic::time_point deadline) noexcept;

  /// The time read once per pass; good for deadlines, not for measuring.
  Monotonic::time_point pass_time() const noexcept { return pass_time_; }
  /// Runs until `stop()`.
  void run();
  /// On the loop's own thread.
  void stop() noexcept { stopping_ = true; }

 private:
  void fire_due();
  void wait();

  using Timers = boost::intrusive::multiset<Timer, boost::intrusive::constant_time_size<false>>;
  Timers timers_;
  int epoll_ = -1;
  bool stopping_ = false;
  Monotonic::time_point pass_time_{};
  static constexpr int kBatch = 256;
  struct Pending;  // events of this pass that were not delivered yet
  Pending* pending_ = nullptr;
};

}  // namespace sluice::loadgen
