#include "apps/auction/store/postgresql/session_set.hpp"

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

/// A read that is under way, for as long as it lives.
class UnderWay {
 public:
  explicit UnderWay(Counters& counters) : counters_(counters) {
    before_ = counters_.reads_under_way.fetch_add(1, std::memory_order_relaxed);
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  ~UnderWay() { counters_.reads_under_way.fetch_sub(1, std::memory_order_relaxed); }
  std::int64_t before() const noexcept { return before_; }

 private:
  Counters& counters_;
  std::int64_t before_ = 0;
};

}  // namespace

SessionSet::SessionSet(const Executor& executor, std::shared_ptr<Shared> shared)
    : executor_(executor),
      shared_(std::move(shared)),
      current_(std::make_shared<Lane>(executor, shared_, shared_->reading, Lane::Of::primary)),
      lists_(std::make_shared<Lane>(
          executor, shared_, shared_->lists,
          shared_->options.replica_url.empty() ? Lane::Of::primary : Lane::Of::replica)),
      pool_(std::make_shared<WritePool>(executor, shared_)) {}

void SessionSet::close() noexcept {
  current_->close();
  lists_->close();
  pool_->close();
}

Task<std::shared_ptr<Connection>> SessionSet::session(std::shared_ptr<SessionSet> sessions, Reads reads) {
  if (reads == Reads::lists) {
    auto connection = co_await Lane::connection(sessions->lists_);
    if (connection || sessions->shared_->options.replica_url.empty()) co_return connection;
    count(sessions->shared_->counters.replica_replaced);
  }
  co_return co_await Lane::connection(sessions->current_);
}

Task<Reply> SessionSet::read(std::shared_ptr<SessionSet> sessions, Reads reads, Batch batch) {
  Counters& counters = sessions->shared_->counters;
  const UnderWay under_way(counters);
  if (under_way.before() >= static_cast<std::int64_t>(sessions->shared_->options.queue_max)) {
    count(counters.reads_refused);
    co_return Reply{.failure = Failure::overloaded};
  }
  Tries tries{.deadline = Monotonic::now() + 2 * sessions->shared_->options.read_time_max};
  for (;;) {
    const auto connection = co_await session(sessions, reads);
    Reply reply{.failure = Failure::unavailable};
    if (connection) {
      reply = co_await connection->exchange(batch);
      sessions->tell(reply.failure, reply.message);
    }
    bool again = false;
    if (!reply.ok()) again = co_await goes_on(sessions, tries, reply.failure, Stage::open, true);
    if (again) continue;
    sessions->end_read(reply);
    co_return reply;
  }
}

Task<bool> SessionSet::goes_on(std::shared_ptr<SessionSet> sessions, Tries& tries, Failure failure,
                               Stage stage, bool repeatable) {
  const Next next = after_failure(failure, stage, repeatable, ++tries.count);
  if (next == Next::give_up || Monotonic::now() >= tries.deadline) co_return false;
  if (next == Next::again_elsewhere) {
    sessions->pool_->drop_idle();
    if (stage == Stage::committing) {
      tries.unknown = true;
      count(sessions->shared_->counters.outcomes_asked);
    }
    co_return true;
  }
  count(sessions->shared_->counters.conflicts);
  Timer timer(sessions->executor_, pause(2ms, 100ms, tries.count, random_bits()));
  boost::system::error_code ignored;
  co_await timer.async_wait(boost::asio::redirect_error(use_task, ignored));
  co_return true;
}

void SessionSet::end_read(Reply& reply) noexcept {
  Counters& counters = shared_->counters;
  count(counters.reads);
  if (reply.ok()) return;
  count(counters.reads_failed);
  if (reply.failure == Failure::overloaded) count(counters.reads_given_up);
}

void SessionSet::end_write(bool done) noexcept {
  count(shared_->counters.writes);
  if (!done) count(shared_->counters.writes_failed);
}

/// A failure that no retry mends is the operator's business: a table or a right is missing.
void SessionSet::tell(Failure failure, const std::string& message) {
  if (failure == Failure::unavailable) shared_->health.set_away(one_line(message));
}

}  // namespace sluice::auction::postgresql
