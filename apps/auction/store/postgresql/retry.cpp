#include "apps/auction/store/postgresql/retry.hpp"

#include <algorithm>

namespace sluice::auction::postgresql {

Failure failure_of(std::string_view sqlstate) noexcept {
  if (sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "40000") return Failure::conflict;
  // CockroachDB's "result is ambiguous": the outcome is as unknown as that of a lost connection.
  if (sqlstate == "40003") return Failure::lost;
  if (sqlstate == "23505") return Failure::duplicate;
  // Cancelled by its time limit, and waited too long for a lock.
  if (sqlstate == "57014" || sqlstate == "55P03") return Failure::overloaded;
  // The primary has become a replica: the next connection looks for the new one.
  if (sqlstate == "25006") return Failure::lost;
  // Sessions that the server ends: by its shutdown, by a crash, for being idle in a transaction.
  if (sqlstate.starts_with("57P") || sqlstate == "25P03" || sqlstate.starts_with("08")) return Failure::lost;
  // Statements that this session has not prepared, or prepared before a table was made anew: a new session
  // mends it.
  if (sqlstate == "26000" || sqlstate == "0A000") return Failure::lost;
  const std::string_view kind = sqlstate.substr(0, 2);
  if (kind == "22" || kind == "23" || kind == "54") return Failure::refused;
  if (kind == "53") return Failure::overloaded;
  return Failure::unavailable;
}

StoreError store_error(Failure failure) noexcept {
  switch (failure) {
    case Failure::refused:
    case Failure::duplicate: return StoreError::invalid;
    case Failure::conflict:
    case Failure::overloaded: return StoreError::overloaded;
    case Failure::none:
    case Failure::lost:
    case Failure::unavailable: break;
  }
  return StoreError::unavailable;
}

Next after_failure(Failure failure, Stage stage, bool repeatable, int tries) noexcept {
  switch (failure) {
    case Failure::conflict: return tries < kTriesOfConflict ? Next::again : Next::give_up;
    case Failure::lost:
      if (stage == Stage::committing && !repeatable) return Next::give_up;
      return tries < kTriesOfConnection ? Next::again_elsewhere : Next::give_up;
    default: return Next::give_up;
  }
}

std::chrono::milliseconds pause(std::chrono::milliseconds first, std::chrono::milliseconds most, int tries,
                                std::uint64_t random) noexcept {
  constexpr int kDoublingsMax = 20;
  const auto full = std::min(most, first * (std::int64_t{1} << std::clamp(tries - 1, 0, kDoublingsMax)));
  const auto half = full / 2;
  return half + std::chrono::milliseconds{random % static_cast<std::uint64_t>((full - half).count() + 1)};
}

}  // namespace sluice::auction::postgresql
