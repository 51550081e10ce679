#include "apps/auction/store/postgresql/blocking.hpp"

#include <poll.h>

#include <cerrno>

namespace sluice::auction::postgresql {

void BlockingSession::lost() const {
  throw SqlError(Failure::lost, one_line(PQerrorMessage(session_.get())));
}

ResultHandle BlockingSession::checked(ResultHandle result) const {
  if (!result) lost();
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE) return result;
  const char* const text = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
  if (text == nullptr) lost();
  throw SqlError(failure_of(sqlstate_of(result)), text);
}

void BlockingSession::wait_for_answer() {
  const auto deadline = Monotonic::now() + patience_;
  while (PQisBusy(session_.get()) != 0) {
    int milliseconds = -1;
    if (patience_.count() > 0) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Monotonic::now());
      if (left.count() <= 0) throw SqlError(Failure::lost, "the server does not answer");
      milliseconds = static_cast<int>(left.count());
    }
    pollfd waiting{.fd = PQsocket(session_.get()), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, milliseconds) < 0 && errno != EINTR) lost();
    if (PQconsumeInput(session_.get()) != 1) lost();
  }
}

/// The last result of what was sent, or its first failure.
ResultHandle BlockingSession::answer() {
  ResultHandle last;
  for (;;) {
    wait_for_answer();
    ResultHandle next(PQgetResult(session_.get()));
    if (!next) return checked(std::move(last));
    const ExecStatusType status = PQresultStatus(next.get());
    if (status == PGRES_COPY_IN) return next;
    const bool failed = last && PQresultStatus(last.get()) == PGRES_FATAL_ERROR;
    if (!failed) last = std::move(next);
  }
}

ResultHandle BlockingSession::run(const std::string& statement, const Params& params) {
  const Params::Lists lists = params.lists();
  if (PQsendQueryParams(session_.get(), statement.c_str(), params.count(), nullptr, lists.values.data(),
                        lists.lengths.data(), lists.formats.data(), 0) != 1) {
    lost();
  }
  return answer();
}

void BlockingSession::run_script(std::string_view script) {
  if (PQsendQuery(session_.get(), std::string{script}.c_str()) != 1) lost();
  answer();
}

std::int64_t BlockingSession::number(const std::string& statement, const Params& params) {
  const ResultHandle result = run(statement, params);
  return row_count(result) == 0 ? 0 : Row{result.get(), 0}.number();
}

void BlockingSession::begin_copy(const std::string& statement) {
  if (PQsendQuery(session_.get(), statement.c_str()) != 1) lost();
  if (PQresultStatus(answer().get()) != PGRES_COPY_IN) lost();
}

void BlockingSession::copy(std::string_view lines) {
  if (PQputCopyData(session_.get(), lines.data(), static_cast<int>(lines.size())) != 1) lost();
}

void BlockingSession::end_copy() {
  if (PQputCopyEnd(session_.get(), nullptr) != 1) lost();
  answer();
}

}  // namespace sluice::auction::postgresql
