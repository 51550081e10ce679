#pragma once
#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "server/task.hpp"

/// Waiting for what another thread has to say.
namespace sluice::server {

/// Says how it went; called once, on any thread.
using Report = std::function<void(bool)>;

/// For a coroutine on `executor`: calls `begin` with a Report, and waits for that.
template <class Begin>
Task<bool> outcome(const Executor& executor, Begin& begin) {
  const auto initiate = [&executor, &begin](auto handler) {
    auto work = boost::asio::make_work_guard(executor);
    auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
    begin(Report([executor, waiting, work = std::move(work)](bool fine) {
      boost::asio::post(executor, [waiting, fine] { std::move (*waiting)(fine); });
    }));
  };
  co_return co_await boost::asio::async_initiate<decltype(use_task), void(bool)>(initiate, use_task);
}

}  // namespace sluice::server
