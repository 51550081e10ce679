#include "apps/auction/store/postgresql/connection.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace sluice::auction::postgresql {

namespace {

namespace asio = boost::asio;

bool send_query(PGconn* session, const Query& query) {
  const Params::Lists lists = query.params.lists();
  return PQsendQueryPrepared(session, query.statement->name, query.params.count(), lists.values.data(),
                             lists.lengths.data(), lists.formats.data(), 0) == 1;
}

/// The first failure decides; those behind it only say that they did not run.
Reply reply_of(std::vector<ResultHandle> results) {
  for (const ResultHandle& result : results) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) continue;
    const char* const text = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
    return {.failure = failure_of(sqlstate_of(result)), .message = text != nullptr ? text : "no answer"};
  }
  return {.results = std::move(results)};
}

}  // namespace

bool WatchedSocket::assign(int fd) noexcept {
  const int duplicate = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return false;
  boost::system::error_code error;
  descriptor_.assign(duplicate, error);
  if (error) ::close(duplicate);
  return !error;
}

void WatchedSocket::close() noexcept {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

Connection::Connection(const Executor& executor, PgHandle session, std::chrono::milliseconds patience,
                       std::shared_ptr<SessionCount> open)
    : executor_(executor),
      patience_(patience),
      session_(std::move(session)),
      socket_(executor),
      silence_(executor) {
  PQsetnonblocking(session_.get(), 1);
  PQenterPipelineMode(session_.get());
  if (!socket_.assign(PQsocket(session_.get()))) {
    session_.reset();
    return;
  }
  open->fetch_add(1, std::memory_order_relaxed);
  counted_ = std::shared_ptr<void>(nullptr, [open](void*) { open->fetch_sub(1, std::memory_order_relaxed); });
}

Task<Reply> Connection::exchange(const Batch& batch) {
  return submit([&batch](PGconn* session) {
    for (const Query& query : batch) {
      if (!send_query(session, query)) return false;
    }
    return true;
  });
}

void Connection::tell(const Batch& batch) {
  if (!usable()) return;
  start(std::nullopt, [&batch](PGconn* session) {
    for (const Query& query : batch) {
      if (!send_query(session, query)) return false;
    }
    return true;
  });
}

Task<Reply> Connection::prepare(std::span<const std::string> settings,
                                std::span<const sql::Statement* const> statements) {
  return submit([settings, statements](PGconn* session) {
    for (const std::string& setting : settings) {
      if (PQsendQueryParams(session, setting.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) != 1)
        return false;
    }
    for (const sql::Statement* statement : statements) {
      if (PQsendPrepare(session, statement->name, statement->text.c_str(), 0, nullptr) != 1) return false;
    }
    return true;
  });
}

Task<Reply> Connection::submit(Send send) {
  const auto initiate = [self = shared_from_this()](Handler handler, const Send& send_all) {
    self->start(std::move(handler), send_all);
  };
  return asio::async_initiate<const asio::use_awaitable_t<Executor>&, void(Reply)>(initiate, use_task,
                                                                                   std::move(send));
}

void Connection::start(std::optional<Handler> handler, const Send& send) {
  owed_.push_back({.results = {}, .handler = std::move(handler)});
  if (!usable()) return lose("closed");
  if (!send(session_.get()) || PQpipelineSync(session_.get()) != 1) {
    return lose(PQerrorMessage(session_.get()));
  }
  if (owed_.size() == 1) await_answers();
  const int unsent = PQflush(session_.get());
  if (unsent < 0) return lose(PQerrorMessage(session_.get()));
  if (unsent > 0) await_writable();
  await_readable();
}

/// Something may be read or written.
void Connection::progress() {
  if (!usable()) return;
  const bool read = PQconsumeInput(session_.get()) == 1;
  const int unsent = read ? PQflush(session_.get()) : -1;
  const std::string problem = unsent < 0 ? PQerrorMessage(session_.get()) : "";
  const std::size_t before = owed_.size();
  collect();  // also what had arrived before the session broke
  if (unsent < 0) return lose(problem);
  if (owed_.empty()) {
    silence_.cancel();
    return;
  }
  if (owed_.size() != before) await_answers();
  if (unsent > 0) await_writable();
  await_readable();
}

/// Takes what has arrived.
void Connection::collect() {
  // libpq says "no more" after each statement; several times in a row, it is about all that has arrived.
  constexpr int kEndsInARow = 4;
  for (int ends = 0; ends < kEndsInARow && !owed_.empty() && PQisBusy(session_.get()) == 0;) {
    ResultHandle result(PQgetResult(session_.get()));
    if (!result) {
      ++ends;
      continue;
    }
    ends = 0;
    if (PQresultStatus(result.get()) != PGRES_PIPELINE_SYNC) {
      owed_.front().results.push_back(std::move(result));
      continue;
    }
    Owed done = std::move(owed_.front());
    owed_.pop_front();
    Reply reply = reply_of(std::move(done.results));
    complete(std::move(done), std::move(reply));
  }
}

void Connection::await_answers() {
  silence_.expires_after(patience_);
  silence_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->owed_.empty()) self->lose("the server does not answer");
  });
}

void Connection::await_readable() {
  if (std::exchange(reading_, true)) return;
  socket_->async_wait(asio::posix::descriptor_base::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        self->reading_ = false;
                        if (!error) self->progress();
                      });
}

void Connection::await_writable() {
  if (std::exchange(writing_, true)) return;
  socket_->async_wait(asio::posix::descriptor_base::wait_write,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        self->writing_ = false;
                        if (!error) self->progress();
                      });
}

void Connection::lose(const std::string& reason) noexcept {
  socket_.close();
  silence_.cancel();
  std::deque<Owed> owed = std::exchange(owed_, {});
  for (Owed& each : owed) complete(std::move(each), {.failure = Failure::lost, .message = reason});
  session_.reset();
  counted_.reset();
}

/// Not from here: who is answered may send the next one.
void Connection::complete(Owed owed, Reply reply) {
  if (!owed.handler) return;
  asio::post(executor_, [handler = std::move(*owed.handler), reply = std::move(reply)]() mutable {
    std::move(handler)(std::move(reply));
  });
}

}  // namespace sluice::auction::postgresql
