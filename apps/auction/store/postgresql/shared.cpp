#include "apps/auction/store/postgresql/shared.hpp"

#include <utility>

namespace sluice::auction::postgresql {

namespace {

std::string milliseconds(std::chrono::milliseconds time) { return std::to_string(time.count()); }

SessionOptions session(const Options& options, const std::string& url, const char* wanted,
                       std::chrono::milliseconds statement_time_max,
                       std::span<const sql::Statement* const> statements,
                       std::shared_ptr<SessionCount> open) {
  SessionOptions session{.target = parse_url(url, wanted)};
  session.open = std::move(open);
  session.connect_time_max = session.target.connect_timeout.value_or(
      std::chrono::ceil<std::chrono::seconds>(options.connect_time_max));
  session.statement_time_max = statement_time_max;
  session.statements = statements;
  session.settings = {
      "SET statement_timeout = " + milliseconds(statement_time_max),
      // A server of ours that stands still in the middle of a bid must not keep the item from others.
      "SET idle_in_transaction_session_timeout = " + milliseconds(options.write_deadline),
      // An answer promises that a write is durable. What is stricter than "on" stays.
      "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = "
      "'off'",
  };
  return session;
}

}  // namespace

Shared::Shared(Options given)
    : options(std::move(given)),
      reading(session(options, options.url, "read-write", options.read_time_max, sql::reads(), sessions)),
      lists(options.replica_url.empty() ? reading
                                        : session(options, options.replica_url, "any", options.read_time_max,
                                                  sql::reads(), sessions)),
      writing(session(options, options.url, "read-write", options.write_time_max, sql::writes(), sessions)) {}

}  // namespace sluice::auction::postgresql
