#include "apps/auction/store/postgresql/connect.hpp"

#include <poll.h>

#include <algorithm>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <utility>

namespace sluice::auction::postgresql {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kAddressesMax = 4;  // of a name

/// libpq's parallel arrays of keywords and values. Borrows from `options` and `endpoint`.
class Parameters {
 public:
  Parameters(const SessionOptions& options, const Endpoint& endpoint, std::string wanted)
      : wanted_(std::move(wanted)),
        seconds_(std::to_string(std::chrono::ceil<std::chrono::seconds>(options.connect_time_max).count())) {
    const Target& target = options.target;
    for (const auto& [keyword, value] : target.options) add(keyword.c_str(), value);
    add("host", endpoint.host);
    add("hostaddr", endpoint.address);
    add("port", endpoint.port);
    add("target_session_attrs", wanted_);
    add("client_encoding", utf8_);
    add("fallback_application_name", name_);
    add("connect_timeout", seconds_);
    keywords_.push_back(nullptr);
    values_.push_back(nullptr);
  }
  const char* const* keywords() const noexcept { return keywords_.data(); }
  const char* const* values() const noexcept { return values_.data(); }

 private:
  void add(const char* keyword, const std::string& value) {
    if (value.empty()) return;
    keywords_.push_back(keyword);
    values_.push_back(value.c_str());
  }
  const std::string wanted_, utf8_ = "UTF8", name_ = "sluice", seconds_;
  std::vector<const char*> keywords_, values_;
};

void be_quiet(void*, const PGresult*) {}

PgHandle start(const SessionOptions& options, const Endpoint& endpoint, const std::string& wanted) {
  const Parameters parameters(options, endpoint, wanted);
  PgHandle session(PQconnectStartParams(parameters.keywords(), parameters.values(), 0));
  if (session) PQsetNoticeReceiver(session.get(), be_quiet, nullptr);
  return session;
}

/// What a time limit and a coroutine share: the limit ends the wait that is under way.
struct Attempt {
  explicit Attempt(const Executor& executor) : socket(executor), resolver(executor), limit(executor) {}
  WatchedSocket socket;
  asio::ip::basic_resolver<asio::ip::tcp, Executor> resolver;
  Timer limit;
  bool late = false;
};

void limit_time(const std::shared_ptr<Attempt>& attempt, std::chrono::milliseconds most) {
  attempt->late = false;
  attempt->limit.expires_after(most);
  attempt->limit.async_wait([attempt](const error_code& error) {
    if (error) return;
    attempt->late = true;
    attempt->socket.close();
    attempt->resolver.cancel();
  });
}

/// The endpoint with addresses in place of its name.
Task<std::vector<Endpoint>> addresses_of(std::shared_ptr<Attempt> attempt, Endpoint endpoint) {
  std::vector<Endpoint> endpoints;
  error_code error;
  const auto found =
      co_await attempt->resolver.async_resolve(endpoint.host, "", asio::redirect_error(use_task, error));
  for (const auto& entry : found) {
    if (endpoints.size() == kAddressesMax) break;
    endpoint.address = entry.endpoint().address().to_string();
    endpoints.push_back(endpoint);
  }
  co_return endpoints;
}

/// Runs libpq's steps to their end. Empty when there is a session, otherwise the problem.
Task<std::string> finish_connecting(std::shared_ptr<Attempt> attempt, PGconn* session) {
  const auto readable = asio::posix::descriptor_base::wait_read,
             writable = asio::posix::descriptor_base::wait_write;
  for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK;) {
    if (step == PGRES_POLLING_FAILED) co_return PQerrorMessage(session);
    error_code error;
    if (!attempt->socket.assign(PQsocket(session))) co_return std::string{"no descriptor is left"};
    const auto until = step == PGRES_POLLING_READING ? readable : writable;
    co_await attempt->socket->async_wait(until, asio::redirect_error(use_task, error));
    attempt->socket.close();  // libpq may go on with another one
    if (attempt->late) co_return std::string{"no answer in time"};
    step = PQconnectPoll(session);
  }
  co_return std::string{};
}

Task<Opened> connect_to(const Executor& executor, const SessionOptions& options, Endpoint endpoint,
                        std::string wanted) {
  constexpr std::chrono::milliseconds kSlack{2000};  // beyond the server's own limit of a statement
  PgHandle session = start(options, endpoint, wanted);
  if (!session) co_return Opened{.connection = nullptr, .problem = "out of memory"};
  if (PQstatus(session.get()) == CONNECTION_BAD) {
    co_return Opened{.connection = nullptr, .problem = PQerrorMessage(session.get())};
  }
  auto attempt = std::make_shared<Attempt>(executor);
  limit_time(attempt, options.connect_time_max);
  std::string problem = co_await finish_connecting(attempt, session.get());
  attempt->limit.cancel();
  if (!problem.empty()) co_return Opened{.connection = nullptr, .problem = std::move(problem)};
  auto connection = std::make_shared<Connection>(executor, std::move(session),
                                                 options.statement_time_max + kSlack, options.open);
  const Reply prepared = co_await connection->prepare(options.settings, options.statements);
  if (prepared.ok()) co_return Opened{.connection = std::move(connection)};
  connection->close();
  co_return Opened{
      .connection = nullptr, .problem = prepared.message, .busy = prepared.failure == Failure::overloaded};
}

Task<std::vector<Endpoint>> resolved(const Executor& executor, const SessionOptions& options) {
  std::vector<Endpoint> endpoints;
  for (const Endpoint& endpoint : options.target.endpoints) {
    if (!endpoint.is_name()) {
      endpoints.push_back(endpoint);
      continue;
    }
    auto attempt = std::make_shared<Attempt>(executor);
    limit_time(attempt, options.connect_time_max);
    const auto found = co_await addresses_of(attempt, endpoint);
    attempt->limit.cancel();
    endpoints.insert(endpoints.end(), found.begin(), found.end());
  }
  co_return endpoints;
}

/// Waits until the socket of `session` is ready for the next step. False when that takes too long.
bool wait_for_step(PGconn* session, PostgresPollingStatusType step, Monotonic::time_point deadline) {
  pollfd waiting{.fd = PQsocket(session),
                 .events = static_cast<short>(step == PGRES_POLLING_READING ? POLLIN : POLLOUT),
                 .revents = 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Monotonic::now());
  return left.count() > 0 && ::poll(&waiting, 1, static_cast<int>(left.count())) != 0;
}

std::string finish_blocking(PGconn* session, std::chrono::milliseconds most) {
  const auto deadline = Monotonic::now() + most;
  for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK; step = PQconnectPoll(session)) {
    if (step == PGRES_POLLING_FAILED) return PQerrorMessage(session);
    if (!wait_for_step(session, step, deadline)) return "no answer in time";
  }
  return {};
}

/// The server is up, whatever it thinks of us.
bool answers(const SessionOptions& options, const Endpoint& endpoint) {
  const Parameters parameters(options, endpoint, "any");
  return PQpingParams(parameters.keywords(), parameters.values(), 0) == PQPING_OK;
}

}  // namespace

Task<Opened> connect(const Executor& executor, const SessionOptions& options) {
  const std::vector<Endpoint> endpoints = co_await resolved(executor, options);
  Opened last{.connection = nullptr, .problem = "the name of the database's host is not known"};
  for (const std::string& wanted : options.target.wanted) {
    const std::size_t first = options.last->load(std::memory_order_relaxed);
    for (std::size_t n = 0; n < endpoints.size(); ++n) {
      const std::size_t place = (first + n) % endpoints.size();
      last = co_await connect_to(executor, options, endpoints[place], wanted);
      if (!last.connection) continue;
      options.last->store(place, std::memory_order_relaxed);
      co_return last;
    }
  }
  last.problem = one_line(std::move(last.problem));
  co_return last;
}

OpenedBlocking connect_blocking(const SessionOptions& options) {
  OpenedBlocking opened;
  for (const std::string& wanted : options.target.wanted) {
    for (const Endpoint& endpoint : options.target.endpoints) {
      PgHandle session = start(options, endpoint, wanted);
      if (!session) continue;
      std::string problem = PQstatus(session.get()) == CONNECTION_BAD
                                ? PQerrorMessage(session.get())
                                : finish_blocking(session.get(), options.connect_time_max);
      if (problem.empty()) return {.session = std::move(session), .problem = {}, .reachable = true};
      // A server of the wrong kind may become the right one: a replica, promoted.
      const bool wrong_kind = problem.find("session is ") != problem.npos;
      opened.reachable |= !wrong_kind && answers(options, endpoint);
      opened.problem = one_line(std::move(problem));
    }
  }
  return opened;
}

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '.' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::erase(text, '\t');
  return text;
}

}  // namespace sluice::auction::postgresql
