#include "apps/auction/store/postgresql/populate.hpp"

#include <cstdlib>
#include <stdexcept>

#include "apps/auction/store/populate/demo_password.hpp"
#include "apps/auction/store/populate/plan.hpp"
#include "apps/auction/store/postgresql/schema.hpp"
#include "apps/auction/store/postgresql/words.hpp"
#include "base/bytes.hpp"

namespace sluice::auction::postgresql {

namespace {

using population::Plan;

BlockingSession open(const std::string& url) {
  const SessionOptions options{.target = parse_url(url, "read-write"),
                               .connect_time_max = std::chrono::seconds{10}};
  OpenedBlocking opened = connect_blocking(options);
  if (!opened.session) throw std::runtime_error("can't open the database: " + opened.problem);
  BlockingSession session(std::move(opened.session), std::chrono::milliseconds{0});
  session.run("SET statement_timeout = 0");
  return session;
}

/// Rows on their way into one table.
class Copy {
 public:
  Copy(BlockingSession& session, const std::string& table_and_columns) : session_(session) {
    session_.begin_copy("COPY " + table_and_columns + " FROM STDIN");
  }
  template <class... Values>
  void row(const Values&... values) {
    (add(values), ...);
    lines_.back() = '\n';
    if (lines_.size() >= kFlushAt) flush();
  }
  void end() {
    flush();
    session_.end_copy();
  }

 private:
  static constexpr std::size_t kFlushAt = 64 * 1024;

  void flush() {
    if (!lines_.empty()) session_.copy(lines_);
    lines_.clear();
  }
  void field(std::string_view text) {
    append_copy_field(lines_, text);
    lines_ += '\t';
  }
  void add(std::integral auto value) { field(std::to_string(value)); }
  void add(bool value) { field(value ? "t" : "f"); }
  void add(Cents value) { add(value.value); }
  void add(WallSeconds value) { add(static_cast<std::int64_t>(value.time_since_epoch().count())); }
  void add(const std::string& text) { field(text); }
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) return add(*value);
    lines_ += "\\N\t";
  }

  BlockingSession& session_;
  std::string lines_;
};

std::string bytea(const std::string& word) { return "\\x" + to_hex(as_bytes(word)); }

void copy_words(Copy& copy, Id item, std::string_view name) {
  for (const std::string& word : words_of(name, kWordsOfNameMax)) copy.row(bytea(word), item);
}

class Population {
 public:
  Population(const PopulateOptions& options, BlockingSession& session,
             const std::function<void(Progress)>& report)
      : options_(options), plan_(options), session_(session), report_(report) {}

  void write() {
    write_users();
    write_items();
    write_bids();
    write_comments();
    session_.run("INSERT INTO population(first_open, last_open) VALUES ($1, $2)",
                 Params(plan_.first_open(), plan_.items()));
    go_on_after("users", options_.users);
    go_on_after("items", plan_.items());
    go_on_after("comments", plan_.items());
    create_indices(session_, [this](std::size_t done, std::size_t total) {
      report_({"indices", done, total});
    });
  }

 private:
  /// One COPY: `make(copy, 1)` to `make(copy, total)`.
  template <class Make>
  void run_stage(std::string_view name, const std::string& table, std::int64_t total, Make make) {
    constexpr std::int64_t kReportEvery = 5000;
    const auto tell = [&](std::int64_t done) {
      report_({name, static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(total)});
    };
    Copy copy(session_, table);
    for (std::int64_t id = 1; id <= total; ++id) {
      if ((id - 1) % kReportEvery == 0) tell(id - 1);
      make(copy, id);
    }
    copy.end();
    tell(total);
  }

  /// New rows get ids behind those that were given.
  void go_on_after(const std::string& table, std::int64_t last) {
    if (last == 0) return;
    session_.run("SELECT setval(pg_get_serial_sequence('" + table + "', 'id'), " + std::to_string(last) +
                 ")");
  }

  void write_users();
  void write_items();
  void write_bids();
  void write_comments();

  const PopulateOptions& options_;
  const Plan plan_;
  BlockingSession& session_;
  const std::function<void(Progress)>& report_;
};

void Population::write_users() {
  const auto ratings = plan_.ratings();
  run_stage(
      "users",
      "users(id, firstname, lastname, nickname, password, email, rating, balance, creation_date, region)",
      options_.users, [&](Copy& copy, Id id) {
        const std::string number = std::to_string(id);
        const std::string first = "Great" + number, last = "User" + number;
        population::Random random(options_.seed, population::Stream::user, static_cast<std::uint64_t>(id));
        copy.row(id, first, last, "user" + number,
                 population::demo_password_hash("password" + number, random),
                 first + '.' + last + "@rubis.com", ratings[static_cast<std::size_t>(id)], 0,
                 plan_.registered(id), plan_.region_of(id));
      });
}

// A session copies into one table at a time.
void Population::write_items() {
  run_stage(
      "items",
      "items(id, name, initial_price, quantity, reserve_price, buy_now, nb_of_bids, max_bid, start_date,"
      " end_date, seller, category, region, listed)",
      plan_.items(), [&](Copy& copy, Id id) {
        const auto item = plan_.item(id);
        copy.row(id, item.name, item.initial_price, item.quantity, item.reserve_price, item.buy_now,
                 item.bids, item.highest_bid, item.starts, item.ends, item.seller, item.category, item.region,
                 item.open);
      });
  run_stage("descriptions", "descriptions(item, description)", plan_.items(), [&](Copy& copy, Id id) {
    const auto item = plan_.item(id);
    copy.row(id, plan_.description(id, item));
  });
  run_stage("words", "item_words(word, item)", plan_.items(), [&](Copy& copy, Id id) {
    const auto item = plan_.item(id);
    if (item.open) copy_words(copy, id, item.name);
  });
}

void Population::write_bids() {
  run_stage("bids", "bids(user_id, item_id, qty, bid, max_bid, date)", plan_.items(), [&](Copy& copy, Id id) {
    const auto item = plan_.item(id);
    for (const auto& bid : plan_.bids(id, item)) {
      copy.row(bid.user, id, bid.quantity, bid.amount, bid.limit, bid.placed);
    }
  });
}

void Population::write_comments() {
  run_stage("comments", "comments(id, from_user_id, to_user_id, item_id, rating, date, comment)",
            plan_.items(), [&](Copy& copy, Id id) {
              const auto item = plan_.item(id);
              const auto comment = plan_.comment(id, item);
              copy.row(id, comment.author, comment.to, id, comment.rating, comment.written,
                       plan_.comment_text(id, comment));
            });
}

/// Within the transaction. The lock keeps a second populate out until this one has ended.
void make_room(BlockingSession& session) {
  if (!has_auction(session)) return;
  session.run("LOCK TABLE sluice_auction IN ACCESS EXCLUSIVE MODE");
  const auto users = session.number("SELECT count(*) FROM users");
  const auto items = session.number("SELECT count(*) FROM items");
  if (users > 0 || items > 0) {
    throw std::runtime_error("the database has an auction already, with " + std::to_string(users) +
                             " users and " + std::to_string(items) + " items: it is not replaced");
  }
  drop_tables(session);
}

}  // namespace

void populate(const std::string& url, const PopulateOptions& options,
              const std::function<void(Progress)>& report) {
  BlockingSession session = open(url);
  session.run("BEGIN");
  make_room(session);
  create_tables(session);
  Population(options, session, report).write();
  report({"disk", 0, 1});
  session.run("COMMIT");
  session.run("ANALYZE");
  report({"disk", 1, 1});
}

Redated redate(const std::string& url, WallSeconds now, bool force) {
  BlockingSession session = open(url);
  prepare_schema(session);
  const auto first = session.number("SELECT coalesce(min(first_open), 1) FROM population");
  const auto last = session.number("SELECT coalesce(max(last_open), 0) FROM population");
  const auto count_open = [&] {
    return session.number(
        "SELECT count(*) FROM items WHERE id BETWEEN $1 AND $2 AND listed AND end_date > $3",
        Params(first, last, now));
  };
  session.run("BEGIN");
  Redated result{.open = count_open()};
  if (force || result.open * 2 < last - first + 1) {
    const ResultHandle unlisted = session.run(
        "SELECT id, name FROM items WHERE id BETWEEN $1 AND $2 AND quantity > 0 AND NOT listed FOR UPDATE",
        Params(first, last));
    Copy copy(session, "item_words(word, item)");
    for (int n = 0; n < row_count(unlisted); ++n) {
      Row row(unlisted.get(), n);
      const Id id = row.number();
      copy_words(copy, id, row.text());
    }
    copy.end();
    // Knuth's multiplier scatters neighbouring ids evenly over the seven days.
    const ResultHandle moved = session.run(
        "UPDATE items SET listed = true, end_date = CAST($3 AS BIGINT) + 1 + (id * 2654435761) % 604799"
        " WHERE id BETWEEN $1 AND $2 AND quantity > 0",
        Params(first, last, now));
    result.moved = std::atoll(PQcmdTuples(moved.get()));
    result.open = count_open();
  }
  session.run("COMMIT");
  return result;
}

}  // namespace sluice::auction::postgresql
