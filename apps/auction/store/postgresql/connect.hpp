#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "apps/auction/store/postgresql/connection.hpp"
#include "apps/auction/store/postgresql/url.hpp"

/// Making sessions: on a loop for the pages, and blocking for setting up.
namespace sluice::auction::postgresql {

/// What a session is for.
struct SessionOptions {
  Target target;
  std::chrono::milliseconds connect_time_max{2000};  ///< Of one endpoint.
  std::chrono::milliseconds statement_time_max{1000};
  std::vector<std::string> settings{};  ///< Statements to begin with.
  std::span<const sql::Statement* const> statements{};
  /// Place of the endpoint that gave the last session: it is asked first.
  std::shared_ptr<std::atomic<std::size_t>> last = std::make_shared<std::atomic<std::size_t>>(0);
  std::shared_ptr<SessionCount> open = std::make_shared<SessionCount>(0);  ///< Counts those on loops.
};

struct Opened {
  std::shared_ptr<Connection> connection;  ///< Null when there is none.
  std::string problem{};                   ///< Then: why, of the endpoint asked last. Never holds a password.
  bool busy = false;  ///< Then: the server is there, but had no time to prepare the session.
};

/// Asks the endpoints one after the other, from the one that gave the last session, until one gives a session
/// of the wanted kind. Names are looked up on Asio's resolver thread, everything else runs on the loop.
/// `options` must stay until the task has ended.
Task<Opened> connect(const Executor& executor, const SessionOptions& options);

/// The same, blocking. Null with a problem when there is none. `reachable` tells whether some server answered
/// at all and is up, so that the reason lies in the URL or in the server's settings.
struct OpenedBlocking {
  PgHandle session;
  std::string problem{};
  bool reachable = false;
};
OpenedBlocking connect_blocking(const SessionOptions& options);

/// libpq's messages on one line, without a full stop.
std::string one_line(std::string text);

}  // namespace sluice::auction::postgresql
