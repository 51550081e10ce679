#pragma once
#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "apps/auction/store/postgresql/codec.hpp"
#include "apps/auction/store/postgresql/retry.hpp"
#include "apps/auction/store/postgresql/statements.hpp"
#include "base/clock.hpp"
#include "server/task.hpp"

/// A session with PostgreSQL on a processor's loop: libpq in its pipeline mode, never blocking.
namespace sluice::auction::postgresql {

using Timer = boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor>;
using PgHandle = Handle<PGconn, PQfinish>;

/// How many sessions there are. Any thread.
using SessionCount = std::atomic<std::int64_t>;

/// One statement to run.
struct Query {
  const sql::Statement* statement;
  Params params{};
};
/// Statements that go out together. The first one that fails keeps those behind it from running. Outside of a
/// transaction they are one.
using Batch = std::vector<Query>;

/// What came of a batch.
struct Reply {
  Failure failure = Failure::none;      ///< Of the first statement that failed.
  std::string message{};                ///< PostgreSQL's, when there is a failure. Without values.
  std::vector<ResultHandle> results{};  ///< Of every statement, when there is none.

  bool ok() const noexcept { return failure == Failure::none; }
};

/// Lets Asio wait for a socket of libpq: by a duplicate, for libpq closes its own whenever it thinks that a
/// session has ended, and another thread may have the number by then.
class WatchedSocket {
 public:
  explicit WatchedSocket(const Executor& executor) : descriptor_(executor) {}
  /// False when there is no descriptor left.
  bool assign(int fd) noexcept;
  /// Ends all waits.
  void close() noexcept;
  auto* operator->() noexcept { return &descriptor_; }

 private:
  boost::asio::posix::basic_stream_descriptor<Executor> descriptor_;
};

/// Of one processor, used on its thread. Several exchanges may be under way; answers come in their order.
/// While none is, nothing waits on the loop: that the server has gone shows at the next exchange.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `session` is connected and idle. A server that is silent for `patience` while it owes an answer is given
  /// up. `open` is counted up for as long as the session lasts.
  Connection(const Executor& executor, PgHandle session, std::chrono::milliseconds patience,
             std::shared_ptr<SessionCount> open);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Sends the statements, and waits for all answers. `batch` must stay until the task has ended.
  Task<Reply> exchange(const Batch& batch);
  /// Sends the statements; nobody hears what became of them. Later exchanges come behind them.
  void tell(const Batch& batch);
  /// Runs `settings` as they are, and prepares `statements`.
  Task<Reply> prepare(std::span<const std::string> settings,
                      std::span<const sql::Statement* const> statements);

  bool usable() const noexcept { return session_ != nullptr; }
  /// Exchanges that are owed an answer.
  std::size_t owed() const noexcept { return owed_.size(); }
  /// Ends the session; who waits is told that it is lost.
  void close() noexcept { lose("closed"); }

 private:
  using Handler =
      boost::asio::async_result<boost::asio::use_awaitable_t<Executor>, void(Reply)>::handler_type;
  using Send = std::function<bool(PGconn*)>;
  struct Owed {
    std::vector<ResultHandle> results;
    std::optional<Handler> handler;
  };

  Task<Reply> submit(Send send);
  void start(std::optional<Handler> handler, const Send& send);
  void progress();
  void collect();
  void await_answers();
  void await_readable();
  void await_writable();
  void lose(const std::string& reason) noexcept;
  void complete(Owed owed, Reply reply);

  const Executor executor_;
  const std::chrono::milliseconds patience_;
  PgHandle session_;
  std::shared_ptr<void> counted_;  // while there is one
  WatchedSocket socket_;
  Timer silence_;
  std::deque<Owed> owed_;
  bool reading_ = false, writing_ = false;
};

}  // namespace sluice::auction::postgresql
