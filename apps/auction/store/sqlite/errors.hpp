#pragma once
#include <boost/system/error_code.hpp>

#include "apps/auction/store/repository.hpp"

/// SQLite's result codes as error codes, and the one place that says what each means for the store.
namespace sluice::auction::sqlite {

using boost::system::error_code;

/// Values are SQLite's extended result codes.
const boost::system::error_category& sqlite_category() noexcept;

inline error_code sqlite_error(int code) noexcept { return {code, sqlite_category()}; }

/// What may go on after an error.
enum class Verdict {
  refused,     ///< This operation only: a constraint, or a store error of its own. Its neighbours are sound.
  overloaded,  ///< Out of budget, locked by another process, or out of memory. Roll back and go on.
  disk_full,   ///< A write found no space. It was not a commit, so roll back and go on; it may work again
               ///< later.
  broken,      ///< I/O error, corruption, or anything unexpected: nothing is believed any more.
};
Verdict verdict_on(const error_code& error) noexcept;

/// As the pages see it.
StoreError store_error(const error_code& error) noexcept;

}  // namespace sluice::auction::sqlite
