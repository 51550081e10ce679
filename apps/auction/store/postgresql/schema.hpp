#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/auction/store/postgresql/blocking.hpp"

/// The tables (postgresql_tables.sql, postgresql_indices.sql), their version, and the rows every auction has.
namespace sluice::auction::postgresql {

inline constexpr std::int64_t kSchemaVersion = 1;

/// The database holds something that is no auction of this version. An operator has to look.
class WrongSchema : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Makes an auction without users and items where there are no tables of one; leaves a current one alone.
/// Safe when several servers start at once. Throws WrongSchema, and SqlError.
void prepare_schema(BlockingSession& session);

/// Whether there are tables of an auction.
bool has_auction(BlockingSession& session);

/// The parts of it, for populate, inside of its transaction: the indices are cheaper when made after the
/// rows.
void create_tables(BlockingSession& session);
/// `report(done, total)` is called before each index and after the last.
void create_indices(BlockingSession& session,
                    const std::function<void(std::size_t, std::size_t)>& report = {});
/// Removes the tables of an auction.
void drop_tables(BlockingSession& session);

/// The statements of a script, without its comments.
std::vector<std::string> statements_of(std::string_view script);

}  // namespace sluice::auction::postgresql
