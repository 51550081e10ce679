#include "apps/auction/store/sqlite/database.hpp"

#include <boost/system/system_error.hpp>

namespace sluice::auction::sqlite {

namespace {

int open_flags(Access access) noexcept {
  // One thread at a time uses a connection: no need of SQLite's mutexes.
  constexpr int kCommon = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  switch (access) {
    case Access::read_only: return kCommon | SQLITE_OPEN_READONLY;
    case Access::read_write: return kCommon | SQLITE_OPEN_READWRITE;
    case Access::create: break;
  }
  return kCommon | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
}

[[noreturn]] void fail(sqlite3* db, int code, const std::string& what) {
  const std::string detail = db != nullptr ? sqlite3_errmsg(db) : "";
  throw boost::system::system_error(sqlite_error(code), detail.empty() ? what : what + ": " + detail);
}

}  // namespace

Connection::Connection(const std::filesystem::path& file, Access access, const std::string& vfs) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(file.c_str(), &db, open_flags(access), vfs.empty() ? nullptr : vfs.c_str());
  db_.reset(db);  // there is one to close also after a failure
  if (code != SQLITE_OK) fail(db, code, "can't open " + file.string());
}

error_code Connection::execute(const char* script) noexcept {
  const int code = sqlite3_exec(db_.get(), script, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? error_code{} : sqlite_error(code);
}

void Connection::require(const char* script) {
  if (const error_code error = execute(script)) fail(db_.get(), error.value(), script);
}

std::int64_t Connection::number(std::string_view sql) {
  Statement statement(*this, sql);
  Query query = statement.run();
  if (!query.next()) fail(db_.get(), query.error() ? query.error().value() : SQLITE_EMPTY, std::string{sql});
  return query.row().number();
}

bool Query::next() noexcept {
  if (error_) return false;
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) error_ = sqlite_error(code);
  return code == SQLITE_ROW;
}

Statement::Statement(Connection& connection, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) fail(connection.get(), code, std::string{sql});
}

}  // namespace sluice::auction::sqlite
