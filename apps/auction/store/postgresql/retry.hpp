#pragma once
#include <chrono>
#include <cstdint>
#include <string_view>

#include "apps/auction/store/repository.hpp"

/// What a failure of the database means, and what is tried again. Pure: no clock, no connection, no
/// randomness of its own.
namespace sluice::auction::postgresql {

/// Why a statement or a transaction did not come to its end.
enum class Failure : std::uint8_t {
  none,
  conflict,     ///< Serialization failure or deadlock (40001, 40P01): the same transaction may work now.
  duplicate,    ///< A unique key exists already (23505).
  refused,      ///< A value that no table accepts.
  overloaded,   ///< Out of time or of resources. Nothing was recorded.
  lost,         ///< The connection is gone, or of no use any more.
  unavailable,  ///< The database can't be used as it is: tables or rights are missing, or something
                ///< unexpected.
};

/// The failure that PostgreSQL's SQLSTATE stands for.
Failure failure_of(std::string_view sqlstate) noexcept;

/// As the pages see it.
StoreError store_error(Failure failure) noexcept;

/// How far a transaction had come when it failed.
enum class Stage : std::uint8_t {
  open,       ///< COMMIT was not sent: nothing is recorded.
  committing  ///< COMMIT was sent, and its answer did not come: nobody knows.
};

enum class Next : std::uint8_t {
  give_up,
  again,            ///< After a pause, on any connection.
  again_elsewhere,  ///< On a new connection.
};

/// What to do after `failure` of try number `tries` (from 1). `repeatable`: doing it twice is the same as
/// doing it once, or the database can be asked whether it was done (a form token). Without that a transaction
/// whose outcome is unknown is not tried again.
Next after_failure(Failure failure, Stage stage, bool repeatable, int tries) noexcept;

/// Tries of one transaction that conflicts with others, and of one that loses its connections.
inline constexpr int kTriesOfConflict = 12;
inline constexpr int kTriesOfConnection = 3;

/// A pause that grows: random in [1/2, 1] of `first` doubled with each of `tries`, at most `most`. `random`
/// is any 64 random bits.
std::chrono::milliseconds pause(std::chrono::milliseconds first, std::chrono::milliseconds most, int tries,
                                std::uint64_t random) noexcept;

}  // namespace sluice::auction::postgresql
