#include "apps/auction/store/postgresql/schema.hpp"

#include "apps/auction/store/catalogue.hpp"
#include "embedded/sluice_auction_store.hpp"

namespace sluice::auction::postgresql {

namespace {

constexpr int kTries = 5;  // of several servers that make the tables at the same time

void insert_fixed_rows(BlockingSession& session) {
  Id id = 0;
  for (const CategoryLine& line : rubis_categories()) {
    session.run("INSERT INTO categories(id, name) VALUES ($1, $2)", Params(++id, line.name));
  }
  id = 0;
  for (const std::string_view name : rubis_regions()) {
    session.run("INSERT INTO regions(id, name) VALUES ($1, $2)", Params(++id, name));
  }
}

void require_version(BlockingSession& session) {
  const std::int64_t version = session.number("SELECT max(version) FROM sluice_auction");
  if (version == kSchemaVersion) return;
  if (version > kSchemaVersion) {
    throw WrongSchema("the database was made by a newer version (schema " + std::to_string(version) +
                      ", this one knows " + std::to_string(kSchemaVersion) + ")");
  }
  throw WrongSchema("the database has the unknown schema " + std::to_string(version));
}

/// One transaction, so that nobody sees half of it.
void create(BlockingSession& session) {
  session.run("BEGIN");
  try {
    create_tables(session);
    create_indices(session);
    session.run("COMMIT");
  } catch (const SqlError&) {
    try {
      session.run("ROLLBACK");
    } catch (const SqlError&) {  // the first one is the one to tell
    }
    throw;
  }
}

std::vector<std::string> tables() {
  constexpr std::string_view kCreate = "CREATE TABLE ";
  std::vector<std::string> names;
  for (const std::string& statement : statements_of(embedded::postgresql_tables_sql)) {
    if (statement.starts_with(kCreate)) {
      names.push_back(statement.substr(kCreate.size(), statement.find('(') - kCreate.size()));
    }
  }
  return names;
}

}  // namespace

bool has_auction(BlockingSession& session) {
  return session.number(
             "SELECT count(*) FROM information_schema.tables WHERE table_name = 'sluice_auction'"
             " AND table_schema = current_schema()") > 0;
}

void prepare_schema(BlockingSession& session) {
  for (int tries = 1; !has_auction(session); ++tries) {
    try {
      create(session);
    } catch (const SqlError& error) {
      // Another server may have been making the same tables, which is told in one way or another: look again.
      if (error.failure() == Failure::lost || tries == kTries) throw;
      if (has_auction(session)) break;
      if (error.failure() != Failure::duplicate && error.failure() != Failure::conflict) {
        throw WrongSchema("the tables of an auction can't be made in the database: " +
                          std::string{error.what()});
      }
    }
  }
  require_version(session);
}

void create_tables(BlockingSession& session) {
  for (const std::string& statement : statements_of(embedded::postgresql_tables_sql)) session.run(statement);
  insert_fixed_rows(session);
  session.run("INSERT INTO sluice_auction(version) VALUES ($1)", Params(kSchemaVersion));
}

void create_indices(BlockingSession& session, const std::function<void(std::size_t, std::size_t)>& report) {
  const auto statements = statements_of(embedded::postgresql_indices_sql);
  for (std::size_t done = 0; done < statements.size(); ++done) {
    if (report) report(done, statements.size());
    session.run(statements[done]);
  }
  if (report) report(statements.size(), statements.size());
}

void drop_tables(BlockingSession& session) {
  for (const std::string& name : tables()) session.run("DROP TABLE " + name);
}

std::vector<std::string> statements_of(std::string_view script) {
  std::vector<std::string> statements;
  std::string statement;
  for (const std::string_view line : lines_of(script)) {
    const std::string_view code = line.substr(0, line.find("--"));
    if (code.find_first_not_of(' ') == code.npos) continue;
    statement.append(code).push_back('\n');
    if (code.find(';') == code.npos) continue;
    statement.erase(statement.rfind(';'));
    statements.push_back(std::move(statement));
    statement.clear();
  }
  return statements;
}

}  // namespace sluice::auction::postgresql
