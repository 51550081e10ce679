#include "apps/auction/store/populate/populate.hpp"

#include <boost/system/system_error.hpp>
#include <stdexcept>
#include <string>

#include "apps/auction/store/populate/demo_password.hpp"
#include "apps/auction/store/populate/new_file.hpp"
#include "apps/auction/store/populate/plan.hpp"
#include "apps/auction/store/sqlite/schema.hpp"

namespace sluice::auction {

namespace {

using population::Plan;
using sqlite::Connection;
using sqlite::Statement;

constexpr std::int64_t kReportEvery = 5000;

template <class... Values>
void insert(Statement& statement, const Values&... values) {
  if (const auto error = statement.execute(values...)) {
    throw boost::system::system_error(error, "can't write the database");
  }
}

/// One stage: `make(1)` to `make(total)` in one transaction.
template <class Make>
void run_stage(Connection& db, const std::function<void(Progress)>& report, std::string_view name,
               std::int64_t total, Make make) {
  const auto tell = [&](std::int64_t done) {
    report({name, static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(total)});
  };
  db.require("BEGIN");
  for (std::int64_t id = 1; id <= total; ++id) {
    if ((id - 1) % kReportEvery == 0) tell(id - 1);
    make(id);
  }
  db.require("COMMIT");
  tell(total);
}

class Population {
 public:
  Population(const PopulateOptions& options, const Plan& plan, Connection& db,
             const std::function<void(Progress)>& report)
      : options_(options), plan_(plan), db_(db), report_(report) {}

  // Table after table and in the order of ids, so that every page is written once, and they lie in a row.
  void write() {
    sqlite::create_tables(db_);
    write_users();
    write_items();
    write_bids();
    write_comments();
    Statement range(db_, "INSERT INTO population(first_open, last_open) VALUES (?1, ?2)");
    insert(range, plan_.first_open(), plan_.items());
    // Sorting the keys of finished tables takes a third less CPU than keeping indices while they grow (23 s
    // against 34 s at full size).
    sqlite::create_indices(db_, [this](std::size_t done, std::size_t total) {
      report_({"indices", done, total});
    });
  }

 private:
  void write_users();
  void write_items();
  void write_bids();
  void write_comments();

  const PopulateOptions& options_;
  const Plan& plan_;
  Connection& db_;
  const std::function<void(Progress)>& report_;
};

void Population::write_users() {
  const auto ratings = plan_.ratings();
  Statement user(db_,
                 "INSERT INTO users(id, firstname, lastname, nickname, password, email, rating, balance,"
                 " creation_date, region) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9)");
  run_stage(db_, report_, "users", options_.users, [&](Id id) {
    const std::string number = std::to_string(id);
    const std::string first = "Great" + number, last = "User" + number;
    population::Random random(options_.seed, population::Stream::user, static_cast<std::uint64_t>(id));
    insert(user, id, first, last, "user" + number,
           population::demo_password_hash("password" + number, random), first + '.' + last + "@rubis.com",
           ratings[static_cast<std::size_t>(id)], plan_.registered(id), plan_.region_of(id));
  });
}

void Population::write_items() {
  Statement item(
      db_,
      "INSERT INTO items(id, name, initial_price, quantity, reserve_price, buy_now, nb_of_bids, max_bid,"
      " start_date, end_date, seller, category, region, listed)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)");
  Statement description(db_, "INSERT INTO descriptions(item, description) VALUES (?1, ?2)");
  Statement words(db_, "INSERT INTO item_words(rowid, name) VALUES (?1, ?2)");
  run_stage(db_, report_, "items", plan_.items(), [&](Id id) {
    const auto planned = plan_.item(id);
    insert(item, id, planned.name, planned.initial_price, planned.quantity, planned.reserve_price,
           planned.buy_now, planned.bids, planned.highest_bid, planned.starts, planned.ends, planned.seller,
           planned.category, planned.region, planned.open);
    insert(description, id, plan_.description(id, planned));
    if (planned.open) insert(words, id, planned.name);
  });
  db_.require("INSERT INTO item_words(item_words) VALUES ('optimize')");
}

void Population::write_bids() {
  Statement bid(
      db_, "INSERT INTO bids(user_id, item_id, qty, bid, max_bid, date) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
  run_stage(db_, report_, "bids", plan_.items(), [&](Id id) {
    const auto item = plan_.item(id);
    for (const auto& planned : plan_.bids(id, item)) {
      insert(bid, planned.user, id, planned.quantity, planned.amount, planned.limit, planned.placed);
    }
  });
}

void Population::write_comments() {
  Statement comment(db_,
                    "INSERT INTO comments(id, from_user_id, to_user_id, item_id, rating, date, comment)"
                    " VALUES (?1, ?2, ?3, ?1, ?4, ?5, ?6)");
  run_stage(db_, report_, "comments", plan_.items(), [&](Id id) {
    const auto item = plan_.item(id);
    const auto planned = plan_.comment(id, item);
    insert(comment, id, planned.author, planned.to, planned.rating, planned.written,
           plan_.comment_text(id, planned));
  });
}

}  // namespace

void populate(const PopulateOptions& options, const std::function<void(Progress)>& report) {
  const Plan plan(options);
  population::NewFile file(options.file, options.force);
  {
    Connection db(file.temporary(), sqlite::Access::create);
    // Nothing to roll back to, and nothing to keep through a crash: the file has no name yet.
    db.require(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
        "PRAGMA cache_size = -131072; PRAGMA secure_delete = OFF; PRAGMA threads = 2");
    Population(options, plan, db, report).write();
  }
  report({"disk", 0, 1});
  file.publish();
  report({"disk", 1, 1});
}

Redated redate(const std::filesystem::path& file, WallSeconds now, bool force) {
  Connection db(file, sqlite::Access::read_write);
  sqlite3_busy_timeout(db.get(), 10'000);
  sqlite::require_auction(db);
  const std::int64_t first = db.number("SELECT coalesce(min(first_open), 1) FROM population");
  const std::int64_t last = db.number("SELECT coalesce(max(last_open), 0) FROM population");
  const auto count_open = [&] {
    Statement open(db,
                   "SELECT count(*) FROM items WHERE id BETWEEN ?1 AND ?2 AND listed = 1 AND end_date > ?3");
    auto query = open.run(first, last, now);
    if (!query.next()) throw boost::system::system_error(query.error(), "can't read the database");
    return query.row().number();
  };

  db.require("BEGIN IMMEDIATE");
  Redated result;
  result.open = count_open();
  if (force || result.open * 2 < last - first + 1) {
    Statement words(db,
                    "INSERT INTO item_words(rowid, name) SELECT id, name FROM items"
                    " WHERE id BETWEEN ?1 AND ?2 AND quantity > 0 AND listed = 0");
    insert(words, first, last);
    // Knuth's multiplier scatters neighbouring ids evenly over the seven days.
    Statement move(db,
                   "UPDATE items SET listed = 1, end_date = ?3 + 1 + (id * 2654435761) % 604799"
                   " WHERE id BETWEEN ?1 AND ?2 AND quantity > 0");
    insert(move, first, last, now);
    result.moved = sqlite3_changes64(db.get());
    result.open = count_open();
  }
  db.require("COMMIT");
  return result;
}

}  // namespace sluice::auction
