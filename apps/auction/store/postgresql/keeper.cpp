#include "apps/auction/store/postgresql/keeper.hpp"

#include <pthread.h>

#include <random>
#include <string>
#include <utility>

#include "apps/auction/store/postgresql/schema.hpp"
#include "apps/auction/store/rows.hpp"

namespace sluice::auction::postgresql {

namespace {

using namespace std::chrono_literals;

constexpr auto kFirstPause = 50ms, kLongestPause = 2000ms;  // between attempts to reach the database
constexpr auto kPatience = 5000ms;

/// The connection is there, but not to a server that we can write to.
struct NotPrimary : SqlError {
  NotPrimary() : SqlError(Failure::lost, "the server accepts no writes") {}
};

SessionOptions for_keeper(const SessionOptions& writing) {
  SessionOptions options = writing;
  options.settings.clear();  // making tables may take its time
  options.statements = {};
  return options;
}

std::string list_of(const ResultHandle& ids) {
  std::string list;
  for (int row = 0; row < row_count(ids); ++row) {
    list += (row == 0 ? "" : ",") + std::to_string(Row{ids.get(), row}.number());
  }
  return list;
}

}  // namespace

Keeper::Keeper(std::shared_ptr<Shared> shared)
    : shared_(std::move(shared)), session_options_(for_keeper(shared_->writing)) {
  OpenedBlocking opened = connect_blocking(session_options_);
  if (opened.session) {
    session_.emplace(std::move(opened.session), kPatience);
    try {
      open();
    } catch (const SqlError& error) {
      if (error.failure() != Failure::lost) throw;
      shared_->health.set_away(error.what());
    }
  } else if (opened.reachable) {
    throw std::runtime_error("the database refuses us: " + opened.problem);
  } else {
    shared_->health.set_away(opened.problem);
  }
  thread_ = std::thread([this] { run(); });
}

void Keeper::stop() {
  shared_->health.stop();
  if (thread_.joinable()) thread_.join();
}

void Keeper::run() {
  ::pthread_setname_np(::pthread_self(), "database");
  bool going_on = true;
  while (going_on) {
    if (shared_->health.up()) {
      going_on = shared_->health.wait_while_up(Monotonic::now() + shared_->options.look_every);
      if (going_on && shared_->health.up()) look();
    } else {
      look_for_it();
      going_on = shared_->health.wait(Monotonic::now());
    }
  }
}

/// Tries to reach the database until it is there, or the store is stopped.
void Keeper::look_for_it() {
  std::mt19937_64 random{std::random_device{}()};
  for (int tries = 1; !shared_->health.up(); ++tries) {
    if (!shared_->health.wait(Monotonic::now() + pause(kFirstPause, kLongestPause, tries, random()))) return;
    reconnect();
  }
}

/// Tries once; afterwards the primary is up or away.
void Keeper::reconnect() {
  session_.reset();
  OpenedBlocking opened = connect_blocking(session_options_);
  if (!opened.session) return shared_->health.set_away(std::move(opened.problem));
  session_.emplace(std::move(opened.session), kPatience);
  try {
    open();
  } catch (const std::exception& error) {
    shared_->health.set_away(error.what());
  }
}

void Keeper::open() {
  prepare_schema(*session_);
  session_->run(shared_->writing.settings.front());  // from here on no statement may take its time
  house_due_ = Monotonic::now();
  shared_->health.set_up();
}

void Keeper::look() {
  try {
    const ResultHandle read_only = session_->run("SHOW transaction_read_only");
    if (row_count(read_only) == 1 && Row{read_only.get(), 0}.text() == "on") throw NotPrimary();
    if (Monotonic::now() >= house_due_) keep_house();
  } catch (const SqlError& error) {
    if (error.failure() == Failure::conflict || error.failure() == Failure::overloaded) return;  // next time
    if (error.failure() == Failure::lost) return reconnect();  // perhaps it was only this session
    shared_->health.set_away(error.what());
  }
}

WallSeconds Keeper::now() {
  if (shared_->options.clock) return shared_->options.clock();
  return WallSeconds{std::chrono::seconds{session_->number(sql::kClock.text)}};
}

void Keeper::keep_house() {
  house_due_ = Monotonic::now() + shared_->options.housekeeping_every;
  const WallSeconds at = now();
  session_->run("BEGIN");
  try {
    const ResultHandle ended = session_->run(
        "SELECT id FROM items WHERE listed AND end_date <= $1 ORDER BY end_date LIMIT $2 FOR UPDATE",
        Params(at, kHouseworkMax));
    if (const std::string ids = list_of(ended); !ids.empty()) {
      session_->run("DELETE FROM item_words WHERE item IN (" + ids + ")");
      session_->run("UPDATE items SET listed = false WHERE id IN (" + ids + ")");
    }
    session_->run("COMMIT");
    if (row_count(ended) == kHouseworkMax) house_due_ = Monotonic::now();
  } catch (const SqlError& error) {
    if (error.failure() != Failure::lost) session_->run("ROLLBACK");
    throw;
  }
  session_->run(
      "DELETE FROM logins WHERE key IN (SELECT key FROM logins WHERE expires <= $1 ORDER BY expires LIMIT "
      "$2)",
      Params(at, kHouseworkMax));
  session_->run(
      "DELETE FROM form_tokens WHERE (token, kind, user_id) IN (SELECT token, kind, user_id FROM form_tokens"
      " WHERE accepted <= $1 ORDER BY accepted LIMIT $2)",
      Params(at - kTokensKept, kHouseworkMax));
}

}  // namespace sluice::auction::postgresql
