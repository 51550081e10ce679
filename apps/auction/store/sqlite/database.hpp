#pragma once
#include <sqlite3.h>

#include <array>
#include <chrono>
#include <concepts>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "apps/auction/store/domain.hpp"
#include "apps/auction/store/sqlite/errors.hpp"
#include "base/handle.hpp"

/// SQLite with owners and types. Nothing here knows the auction's tables. A connection and its statements
/// belong to one thread at a time. Setting up (opening, preparing) throws `boost::system::system_error`;
/// running never throws.
namespace sluice::auction::sqlite {

enum class Access { read_only, read_write, create };

class Connection {
 public:
  /// `vfs` empty: the system's own.
  Connection(const std::filesystem::path& file, Access access, const std::string& vfs = {});

  sqlite3* get() const noexcept { return db_.get(); }
  /// Runs one or more statements; rows are thrown away.
  error_code execute(const char* script) noexcept;
  /// The same as a part of setting up.
  void require(const char* script);
  /// First column of the first row. Throws, also when there is no row.
  std::int64_t number(std::string_view sql);

 private:
  Handle<sqlite3, sqlite3_close_v2> db_;
};

/// The current row; reads its columns from left to right.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) noexcept : statement_(statement) {}

  /// Integers, Cents, WallSeconds, std::string, and optionals of them for columns that may be NULL.
  template <class T>
  T take() {
    const int column = column_++;
    return read(column, static_cast<T*>(nullptr));
  }
  std::int64_t number() { return take<std::int64_t>(); }
  std::string text() { return take<std::string>(); }

 private:
  template <std::integral T>
  T read(int column, T*) const noexcept {
    return static_cast<T>(sqlite3_column_int64(statement_, column));
  }
  Cents read(int column, Cents*) const noexcept { return {sqlite3_column_int64(statement_, column)}; }
  WallSeconds read(int column, WallSeconds*) const noexcept {
    return WallSeconds{std::chrono::seconds{sqlite3_column_int64(statement_, column)}};
  }
  std::string read(int column, std::string*) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }
  template <class T>
  std::optional<T> read(int column, std::optional<T>*) const {
    if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
    return read(column, static_cast<T*>(nullptr));
  }

  sqlite3_stmt* statement_;
  int column_ = 0;
};

/// One run of a statement. Resets it at the end of its scope, which also ends the read transaction.
class Query {
 public:
  Query(sqlite3_stmt* statement, error_code error) noexcept : statement_(statement), error_(error) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query() { sqlite3_reset(statement_); }

  /// Goes to the next row. False at the end, and at an error.
  bool next() noexcept;
  Row row() const noexcept { return Row{statement_}; }
  const error_code& error() const noexcept { return error_; }

 private:
  sqlite3_stmt* statement_;
  error_code error_;
};

class Statement {
 public:
  /// Prepared for being kept as long as the connection, which must outlive it.
  Statement(Connection& connection, std::string_view sql);

  /// Binds ?1, ?2, ... Texts and blobs are borrowed until the query ends.
  template <class... Values>
  Query run(const Values&... values) noexcept {
    int index = 0;
    int code = SQLITE_OK;
    static_cast<void>(((code = bind(++index, values), code == SQLITE_OK) && ...));
    return {statement_.get(), code == SQLITE_OK ? error_code{} : sqlite_error(code)};
  }

  /// For statements without rows.
  template <class... Values>
  error_code execute(const Values&... values) noexcept {
    Query query = run(values...);
    while (query.next()) {
    }
    return query.error();
  }

  sqlite3_stmt* get() const noexcept { return statement_.get(); }

 private:
  int bind(int index, std::integral auto value) noexcept {
    return sqlite3_bind_int64(statement_.get(), index, static_cast<sqlite3_int64>(value));
  }
  int bind(int index, Cents value) noexcept { return bind(index, value.value); }
  int bind(int index, WallSeconds value) noexcept { return bind(index, value.time_since_epoch().count()); }
  int bind(int index, std::string_view value) noexcept {
    // An empty view may have no address, and SQLite takes a null pointer for NULL.
    return sqlite3_bind_text64(statement_.get(), index, value.empty() ? "" : value.data(), value.size(),
                               SQLITE_STATIC, SQLITE_UTF8);
  }
  int bind(int index, const std::string& value) noexcept { return bind(index, std::string_view{value}); }
  template <std::size_t N>
  int bind(int index, const std::array<std::uint8_t, N>& value) noexcept {
    return sqlite3_bind_blob64(statement_.get(), index, value.data(), N, SQLITE_STATIC);
  }
  template <class T>
  int bind(int index, const std::optional<T>& value) noexcept {
    return value ? bind(index, *value) : sqlite3_bind_null(statement_.get(), index);
  }

  Handle<sqlite3_stmt, sqlite3_finalize> statement_;
};

}  // namespace sluice::auction::sqlite
