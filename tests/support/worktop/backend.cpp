#include "tests/support/worktop/backend.hpp"

#include <boost/asio/redirect_error.hpp>

namespace sluice::worktop {

Task<void> Backend::query(std::chrono::milliseconds takes, std::size_t parallel) {
  if (parallel > 0 && (busy_ >= parallel || !waiting_.empty())) {
    co_await take_place();
  } else {
    ++busy_;
  }
  Timer timer(executor_, takes);
  boost::system::error_code ignored;
  co_await timer.async_wait(boost::asio::redirect_error(use_task, ignored));
  give_place(parallel);
}

Task<void> Backend::take_place() {
  Timer turn(executor_, Monotonic::time_point::max());
  waiting_.push_back(&turn);
  boost::system::error_code cancelled;  // is how it is told
  co_await turn.async_wait(boost::asio::redirect_error(use_task, cancelled));
}

/// More than one when there are more places than before.
void Backend::give_place(std::size_t parallel) noexcept {
  --busy_;
  while (!waiting_.empty() && (parallel == 0 || busy_ < parallel)) {
    Timer& next = *waiting_.front();
    waiting_.pop_front();
    ++busy_;
    next.cancel();
  }
}

}  // namespace sluice::worktop
