#include "apps/auction/store/postgresql/lane.hpp"

#include <boost/asio/redirect_error.hpp>
#include <random>
#include <utility>

namespace sluice::auction::postgresql {

namespace {

using namespace std::chrono_literals;

std::uint64_t random_bits() {
  thread_local std::mt19937_64 bits{std::random_device{}()};
  return bits();
}

}  // namespace

Lane::Lane(const Executor& executor, std::shared_ptr<Shared> shared, const SessionOptions& session, Of of)
    : executor_(executor),
      shared_(std::move(shared)),
      session_(session),
      of_(of),
      attempt_ended_(executor, Monotonic::time_point::max()) {}

Task<std::shared_ptr<Connection>> Lane::connection(std::shared_ptr<Lane> lane) {
  while (!lane->closed_) {
    if (lane->connection_ && lane->connection_->usable()) co_return lane->connection_;
    if (!lane->connecting_) {
      if (!lane->may_connect()) break;
      lane->connecting_ = true;
      Opened opened = co_await connect(lane->executor_, lane->session_);
      lane->connected(std::move(opened));
      if (!lane->connection_) break;
    } else {
      boost::system::error_code woken;
      co_await lane->attempt_ended_.async_wait(boost::asio::redirect_error(use_task, woken));
      if (!lane->connection_) break;
    }
  }
  co_return nullptr;
}

void Lane::close() noexcept {
  closed_ = true;
  attempt_ended_.cancel();
  if (!connection_) return;
  connection_->close();
  connection_.reset();
}

bool Lane::may_connect() const noexcept {
  return of_ == Of::primary ? shared_->health.up() : Monotonic::now() >= not_before_;
}

void Lane::connected(Opened opened) {
  connecting_ = false;
  connection_ = closed_ ? nullptr : std::move(opened.connection);
  attempt_ended_.cancel();
  if (connection_) {
    failures_ = 0;
    count(shared_->counters.connects);
    return;
  }
  count(shared_->counters.connects_failed);
  if (closed_) return;
  if (of_ == Of::primary && !opened.busy) shared_->health.set_away(std::move(opened.problem));
  not_before_ = Monotonic::now() + pause(100ms, 2s, ++failures_, random_bits());
}

}  // namespace sluice::auction::postgresql
