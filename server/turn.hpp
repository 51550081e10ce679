#pragma once
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include "admission/front_queue.hpp"
#include "base/clock.hpp"
#include "server/task.hpp"

/// Waiting in line, for a coroutine.
namespace sluice::server {

/// A place in one of a processor's lines. One coroutine waits on it; somebody else ends the wait. Leaves the
/// line when it is destroyed. One thread.
class Turn final : public admission::Waiter {
 public:
  /// In a `TurnLine`; one at the gate is in the gate's queue instead.
  boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> line_hook;

  Monotonic::time_point lined_up_at{};  ///< Set by whoever keeps the line.

  explicit Turn(const Executor& executor) : timer_(executor, Monotonic::time_point::max()) {}

  /// True when it was given, false when denied. Also ends, with false, when it was ended before.
  Task<bool> wait() {
    boost::system::error_code ignored;
    if (!ended_) co_await timer_.async_wait(boost::asio::redirect_error(use_task, ignored));
    co_return given_;
  }
  /// What the wait said.
  bool given() const noexcept { return given_; }
  void end(bool given) {
    if (ended_) return;
    ended_ = true;
    given_ = given;
    timer_.cancel();
  }

 private:
  boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor> timer_;
  bool ended_ = false;
  bool given_ = false;
};

using TurnLine =
    boost::intrusive::list<Turn,
                           boost::intrusive::member_hook<Turn, decltype(Turn::line_hook), &Turn::line_hook>,
                           boost::intrusive::constant_time_size<false>>;

}  // namespace sluice::server
