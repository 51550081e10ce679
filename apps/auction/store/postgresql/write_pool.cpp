#include "apps/auction/store/postgresql/write_pool.hpp"

#include <boost/asio/redirect_error.hpp>
#include <utility>

namespace sluice::auction::postgresql {

WritePool::Lease& WritePool::Lease::operator=(Lease&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(connection_, other.connection_);
  return *this;
}

WritePool::Lease::~Lease() {
  if (pool_) pool_->take_back(std::move(connection_));
}

/// A place in the line, for as long as it lives.
class WritePool::InLine {
 public:
  InLine(WritePool& pool, Waiter& waiter)
      : pool_(pool), place_(pool.line_.insert(pool.line_.end(), &waiter)) {
    pool_.shared_->counters.writes_waiting.fetch_add(1, std::memory_order_relaxed);
  }
  InLine(const InLine&) = delete;
  InLine& operator=(const InLine&) = delete;
  ~InLine() {
    pool_.line_.erase(place_);
    pool_.shared_->counters.writes_waiting.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  WritePool& pool_;
  std::list<Waiter*>::iterator place_;
};

Task<Result<WritePool::Lease>> WritePool::lease(std::shared_ptr<WritePool> pool,
                                                Monotonic::time_point deadline) {
  if (pool->closed_ || !pool->shared_->health.up()) {
    pool->drop_idle();  // they are as good as broken
    co_return StoreError::unavailable;
  }
  if (auto place = pool->free_place()) co_return co_await connected(std::move(*place));
  const auto waiting = pool->shared_->counters.writes_waiting.load(std::memory_order_relaxed);
  if (waiting >= static_cast<std::int64_t>(pool->shared_->options.queue_max)) {
    count(pool->shared_->counters.writes_refused);
    co_return StoreError::overloaded;
  }
  co_return co_await wait_in_line(std::move(pool), deadline);
}

Task<Result<WritePool::Lease>> WritePool::wait_in_line(std::shared_ptr<WritePool> pool,
                                                       Monotonic::time_point deadline) {
  Waiter waiter{.timer = Timer(pool->executor_, deadline)};
  {
    const InLine in_line(*pool, waiter);
    boost::system::error_code woken;
    co_await waiter.timer.async_wait(boost::asio::redirect_error(use_task, woken));
  }
  if (waiter.given) co_return co_await connected(std::move(*waiter.given));
  if (pool->closed_) co_return StoreError::unavailable;
  count(pool->shared_->counters.writes_refused);
  co_return StoreError::overloaded;
}

/// The same lease with a session that can be used.
Task<Result<WritePool::Lease>> WritePool::connected(Lease place) {
  if (place.connection_ && place.connection_->usable()) co_return std::move(place);
  place.connection_.reset();
  const auto pool = place.pool_;
  if (pool->closed_ || !pool->shared_->health.up()) co_return StoreError::unavailable;
  Opened opened = co_await connect(pool->executor_, pool->shared_->writing);
  if (!opened.connection) {
    count(pool->shared_->counters.connects_failed);
    if (opened.busy) co_return StoreError::overloaded;
    if (!pool->closed_) pool->shared_->health.set_away(std::move(opened.problem));
    co_return StoreError::unavailable;
  }
  count(pool->shared_->counters.connects);
  if (pool->closed_) co_return StoreError::unavailable;
  std::erase_if(pool->begun_, [](const std::weak_ptr<Connection>& begun) { return begun.expired(); });
  pool->begun_.push_back(opened.connection);
  place.connection_ = std::move(opened.connection);
  co_return std::move(place);
}

std::optional<WritePool::Lease> WritePool::free_place() {
  if (!line_.empty()) return std::nullopt;  // they were here before
  std::shared_ptr<Connection> connection;
  if (!idle_.empty()) {
    connection = std::move(idle_.back());
    idle_.pop_back();
  } else if (taken_ >= shared_->options.connections) {
    return std::nullopt;
  }
  ++taken_;
  return Lease(shared_from_this(), std::move(connection));
}

void WritePool::take_back(std::shared_ptr<Connection> connection) noexcept {
  if (closed_) {
    --taken_;
    if (connection) connection->close();
    return;
  }
  for (Waiter* waiter : line_) {
    if (waiter->given) continue;
    waiter->given.emplace(shared_from_this(), std::move(connection));  // the place goes from hand to hand
    waiter->timer.cancel();
    return;
  }
  --taken_;
  if (connection && connection->usable()) idle_.push_back(std::move(connection));
}

void WritePool::drop_idle() noexcept {
  for (const auto& connection : idle_) connection->close();
  idle_.clear();
}

void WritePool::close() noexcept {
  closed_ = true;
  idle_.clear();
  for (const auto& begun : begun_) {
    if (const auto connection = begun.lock()) connection->close();
  }
  for (Waiter* waiter : line_) waiter->timer.cancel();
}

}  // namespace sluice::auction::postgresql
