#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/clock.hpp"

/// Makes auctions to play and to measure with: the data set of RUBiS at any size, and the same every time.
namespace sluice::auction {

struct PopulateOptions {
  std::filesystem::path file;  ///< The database to make.
  /// Replaces `file`, when it is an auction that nobody has open. Otherwise an existing file is an error.
  bool force = false;

  std::int64_t users = 1'000'000;  ///< user1/password1, user2/password2, ... At least 2 when there are items.
  std::int64_t items = 32'667;     ///< Open auctions, with higher ids than the old ones.
  std::int64_t old_items = 500'000;
  std::int64_t bids_per_item_max = 19;  ///< Uniform from 0 to this.
  std::uint64_t seed = 1;               ///< Same seed, sizes and `now`: same rows.
  WallSeconds now = wall_now();

  enum class Style : std::uint8_t {
    rubis,  ///< "RUBiS automatically generated item #n", with texts as long as RUBiS'.
    shop,   ///< Invented products with a name and a description that fit their category.
  };
  Style style = Style::rubis;
};

struct Progress {
  std::string_view stage;  ///< "users", "items", "bids", "comments", "indices", "disk"; static storage.
  std::uint64_t done = 0, total = 0;
};

/// Writes into a temporary file beside the target and renames it when it is complete and on disk, so the name
/// never stands for half a database. Memory stays below some 300 MiB at any size (4 bytes a user, 1 an item,
/// SQLite's caches). Calls `report` now and then on this thread; when that throws, the temporary file is
/// removed.
///
/// Throws std::exception with a sentence for the operator.
///
/// As RUBiS' InitDB makes them, except: which items have a reserve price, a buy-now price or one piece only
/// is decided by the position among the open (or the old) items, not among all, for else no open item would
/// ever be for sale at once; bidders and authors of comments are not the seller; dates lie in the past and
/// rise.
void populate(const PopulateOptions& options, const std::function<void(Progress)>& report);

struct Redated {
  std::int64_t moved = 0;  ///< 0: enough auctions were open.
  std::int64_t open = 0;   ///< Open auctions of the population, after it.
};

/// Opens the auctions again that `populate` made as open, all but those sold out: they end within the seven
/// days after `now`. Does so only when less than half of them are still open (or always, with `force`): the
/// auctions of a database in use are left alone. Bids stay. Works beside a server that has the database open.
///
/// Throws std::exception with a sentence for the operator.
Redated redate(const std::filesystem::path& file, WallSeconds now, bool force = false);

}  // namespace sluice::auction
