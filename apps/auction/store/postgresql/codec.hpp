#pragma once
#include <libpq-fe.h>

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/auction/store/domain.hpp"
#include "base/handle.hpp"

/// Values on their way to PostgreSQL and back. Numbers travel as text, texts and bytes as they are.
namespace sluice::auction::postgresql {

using ResultHandle = Handle<PGresult, PQclear>;

/// $1, $2, ... of one statement. Owns its values.
class Params {
 public:
  template <class... Values>
  explicit Params(const Values&... values) {
    params_.reserve(sizeof...(values));
    (add(values), ...);
  }

  void append(const auto& value) { add(value); }
  int count() const noexcept { return static_cast<int>(params_.size()); }
  /// As PQsendQueryPrepared wants them; valid while this is unchanged.
  struct Lists {
    std::vector<const char*> values;
    std::vector<int> lengths, formats;
  };
  Lists lists() const;

 private:
  struct Param {
    std::string bytes;
    bool null = false, binary = false;
  };

  void add(std::integral auto value) { params_.push_back({.bytes = std::to_string(value)}); }
  void add(bool value) { params_.push_back({.bytes = value ? "t" : "f"}); }
  void add(Cents value) { add(value.value); }
  void add(WallSeconds value) { add(static_cast<std::int64_t>(value.time_since_epoch().count())); }
  void add(std::string_view text) { params_.push_back({.bytes = std::string{text}, .binary = true}); }
  void add(const std::string& text) { add(std::string_view{text}); }
  void add(const char* text) { add(std::string_view{text}); }
  template <std::size_t N>
  void add(const std::array<std::uint8_t, N>& bytes) {
    add(std::string_view{reinterpret_cast<const char*>(bytes.data()), N});
  }
  /// An array of byte strings.
  void add(const std::vector<std::string>& list);
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) return add(*value);
    params_.push_back({.bytes = {}, .null = true});
  }

  std::vector<Param> params_;
};

/// A row of a result that it borrows; reads its columns from left to right. A NULL reads as 0 or empty unless
/// an optional is asked for.
class Row {
 public:
  Row(const PGresult* result, int row) noexcept : result_(result), row_(row) {}

  /// Integers, bool, Cents, WallSeconds, std::string, and optionals of them for columns that may be NULL.
  template <class T>
  T take() {
    const int column = column_++;
    return read(column, static_cast<T*>(nullptr));
  }
  std::int64_t number() { return take<std::int64_t>(); }
  std::string text() { return take<std::string>(); }

 private:
  std::string_view field(int column) const noexcept {
    return {PQgetvalue(result_, row_, column), static_cast<std::size_t>(PQgetlength(result_, row_, column))};
  }
  template <std::integral T>
  T read(int column, T*) const noexcept {
    T value = 0;
    const std::string_view digits = field(column);
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  bool read(int column, bool*) const noexcept { return field(column) == "t"; }
  Cents read(int column, Cents*) const noexcept {
    return {read(column, static_cast<std::int64_t*>(nullptr))};
  }
  WallSeconds read(int column, WallSeconds*) const noexcept {
    return WallSeconds{std::chrono::seconds{read(column, static_cast<std::int64_t*>(nullptr))}};
  }
  std::string read(int column, std::string*) const { return std::string{field(column)}; }
  template <class T>
  std::optional<T> read(int column, std::optional<T>*) const {
    if (PQgetisnull(result_, row_, column) != 0) return std::nullopt;
    return read(column, static_cast<T*>(nullptr));
  }

  const PGresult* result_;
  int row_;
  int column_ = 0;
};

inline int row_count(const ResultHandle& result) noexcept { return PQntuples(result.get()); }

/// All rows, each made a value by `to_value(Row)`.
template <class T>
std::vector<T> all_rows(const ResultHandle& result, T (*to_value)(Row)) {
  std::vector<T> rows;
  const int count = row_count(result);
  rows.reserve(static_cast<std::size_t>(count));
  for (int row = 0; row < count; ++row) rows.push_back(to_value(Row{result.get(), row}));
  return rows;
}

/// The first row, if there is one.
template <class T>
std::optional<T> first_row(const ResultHandle& result, T (*to_value)(Row)) {
  if (row_count(result) == 0) return std::nullopt;
  return to_value(Row{result.get(), 0});
}

/// SQLSTATE of a failed statement; empty when it did not fail, or failed without one.
std::string_view sqlstate_of(const ResultHandle& result) noexcept;

/// A field of COPY's text format: with its backslashes, tabs and ends of line escaped.
void append_copy_field(std::string& line, std::string_view text);

}  // namespace sluice::auction::postgresql
