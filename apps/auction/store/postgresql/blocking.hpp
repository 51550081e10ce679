#pragma once
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "apps/auction/store/postgresql/connect.hpp"

namespace sluice::auction::postgresql {

/// What a statement failed with. Its text is PostgreSQL's first line.
class SqlError : public std::runtime_error {
 public:
  SqlError(Failure failure, const std::string& message) : std::runtime_error(message), failure_(failure) {}
  Failure failure() const noexcept { return failure_; }

 private:
  Failure failure_;
};

/// A session for setting up, and for the keeper: waits for each answer. One thread. Throws SqlError.
class BlockingSession {
 public:
  /// `patience`: the longest wait for one answer; zero waits for ever.
  BlockingSession(PgHandle session, std::chrono::milliseconds patience)
      : session_(std::move(session)), patience_(patience) {}

  /// Runs one statement, or several without parameters.
  ResultHandle run(const std::string& statement, const Params& params = Params{});
  void run_script(std::string_view script);
  /// First column of the first row, as a number; 0 when there is none.
  std::int64_t number(const std::string& statement, const Params& params = Params{});

  /// COPY ... FROM STDIN in text format: `begin`, any number of `copy`, `end`.
  void begin_copy(const std::string& statement);
  void copy(std::string_view lines);
  void end_copy();

 private:
  ResultHandle answer();
  void wait_for_answer();
  ResultHandle checked(ResultHandle result) const;
  [[noreturn]] void lost() const;

  PgHandle session_;
  std::chrono::milliseconds patience_;
};

}  // namespace sluice::auction::postgresql
