#pragma once
#include <chrono>
#include <cstddef>
#include <deque>

#include <boost/asio/basic_waitable_timer.hpp>

#include "base/clock.hpp"
#include "server/task.hpp"

/// A database that takes its time and no CPU.
namespace sluice::worktop {

/// Each query takes as long as it is told to, and only so many are answered at once; the others wait in
/// order. One per processor, used on its thread only.
class Backend {
 public:
  explicit Backend(Executor executor) : executor_(executor) {}

  /// `parallel`: queries answered at once; 0: any number. A change counts from the next query on.
  Task<void> query(std::chrono::milliseconds takes, std::size_t parallel);

 private:
  using Timer = boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor>;

  /// Completes once there is a place; the place is then taken.
  Task<void> take_place();
  void give_place(std::size_t parallel) noexcept;

  Executor executor_;
  std::size_t busy_ = 0;
  std::deque<Timer*> waiting_;
};

}  // namespace sluice::worktop
