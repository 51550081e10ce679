#include "apps/auction/store/sqlite/schema.hpp"

#include <stdexcept>
#include <string>
#include <utility>

#include "apps/auction/store/catalogue.hpp"
#include "embedded/sluice_auction_store.hpp"

namespace sluice::auction::sqlite {

namespace {

/// The statements of a script that starts each on a line of its own.
std::vector<std::string> statements_of(std::string_view script) {
  std::vector<std::string> statements;
  std::string statement;
  for (const std::string_view line : lines_of(script)) {
    statement.append(line).push_back('\n');
    if (sqlite3_complete(statement.c_str()) != 0) statements.push_back(std::exchange(statement, {}));
  }
  return statements;
}

bool empty(Connection& db) { return db.number("SELECT count(*) FROM sqlite_schema") == 0; }

void insert_fixed_rows(Connection& db) {
  Statement category(db, "INSERT INTO categories(name) VALUES (?1)");
  for (const CategoryLine& line : rubis_categories()) {
    if (const auto error = category.execute(line.name)) throw boost::system::system_error(error);
  }
  Statement region(db, "INSERT INTO regions(name) VALUES (?1)");
  for (const std::string_view name : rubis_regions()) {
    if (const auto error = region.execute(name)) throw boost::system::system_error(error);
  }
}

void create(Connection& db) {
  create_tables(db);
  create_indices(db);
}

}  // namespace

void create_tables(Connection& db) {
  db.require(std::string{embedded::tables_sql}.c_str());
  db.require(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
  db.require(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str());
  insert_fixed_rows(db);
}

void create_indices(Connection& db, const std::function<void(std::size_t, std::size_t)>& report) {
  const auto statements = statements_of(embedded::indices_sql);
  for (std::size_t done = 0; done < statements.size(); ++done) {
    if (report) report(done, statements.size());
    db.require(statements[done].c_str());
  }
  if (report) report(statements.size(), statements.size());
}

void require_auction(Connection& db) {
  if (db.number("PRAGMA application_id") != kApplicationId) {
    throw std::runtime_error("the database is not an auction's");
  }
  const auto version = db.number("PRAGMA user_version");
  if (version > kSchemaVersion) {
    throw std::runtime_error("the database was made by a newer version (schema " + std::to_string(version) +
                             ", this one knows " + std::to_string(kSchemaVersion) + ")");
  }
  if (version < kSchemaVersion) {
    throw std::runtime_error("the database has the unknown schema " + std::to_string(version));
  }
}

void prepare_schema(Connection& db) {
  // Under the write lock, so that two processes starting at once do not both create.
  db.require("BEGIN IMMEDIATE");
  try {
    if (empty(db)) create(db);
    require_auction(db);
    db.require("COMMIT");
  } catch (...) {
    db.execute("ROLLBACK");
    throw;
  }
}

}  // namespace sluice::auction::sqlite
