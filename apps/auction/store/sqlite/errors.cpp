#include "apps/auction/store/sqlite/errors.hpp"

#include <sqlite3.h>

#include "base/error.hpp"

namespace sluice::auction::sqlite {

namespace {

class SqliteCategory final : public ErrorCategory {
 public:
  const char* name() const noexcept override { return "sqlite"; }
  std::string message(int code) const override { return sqlite3_errstr(code); }
};

}  // namespace

const boost::system::error_category& sqlite_category() noexcept {
  static const SqliteCategory category;
  return category;
}

Verdict verdict_on(const error_code& error) noexcept {
  if (error.category() == store_category()) return Verdict::refused;
  if (error.category() != sqlite_category()) return Verdict::broken;
  if (error.value() == SQLITE_IOERR_NOMEM) return Verdict::overloaded;
  switch (error.value() & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH: return Verdict::refused;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
    case SQLITE_NOMEM: return Verdict::overloaded;
    case SQLITE_FULL: return Verdict::disk_full;
    default: return Verdict::broken;
  }
}

StoreError store_error(const error_code& error) noexcept {
  switch (verdict_on(error)) {
    case Verdict::refused:
      return error.category() == store_category() ? static_cast<StoreError>(error.value())
                                                  : StoreError::invalid;
    case Verdict::overloaded: return StoreError::overloaded;
    case Verdict::disk_full:
    case Verdict::broken: break;
  }
  return StoreError::unavailable;
}

}  // namespace sluice::auction::sqlite
