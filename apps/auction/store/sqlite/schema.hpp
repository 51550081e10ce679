#pragma once
#include <cstdint>
#include <functional>

#include "apps/auction/store/sqlite/database.hpp"

/// The tables (tables.sql, indices.sql), their version, and the rows every auction has.
namespace sluice::auction::sqlite {

inline constexpr std::int64_t kSchemaVersion = 1;
/// "SluA" in PRAGMA application_id: tells our files from other SQLite databases.
inline constexpr std::int64_t kApplicationId = 0x536c7541;

/// Makes an empty file an auction without users and items; brings an older one up to date; leaves a current
/// one alone. Throws std::runtime_error for a database of something else or of a newer version.
void prepare_schema(Connection& db);

/// The parts of it, for populate: the indices are cheaper when made after the rows.
void create_tables(Connection& db);
/// `report(done, total)` is called before each index and after the last.
void create_indices(Connection& db, const std::function<void(std::size_t, std::size_t)>& report = {});

/// Throws unless `db` is an auction of this version.
void require_auction(Connection& db);

}  // namespace sluice::auction::sqlite
