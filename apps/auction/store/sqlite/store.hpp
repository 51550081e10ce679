#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "apps/auction/store/repository.hpp"

/// The auction in one SQLite file: no set-up, and durable (write-ahead log, synchronous=FULL).
namespace sluice::auction::sqlite {

struct Options {
  std::filesystem::path file;
  /// Writes that may wait for the writer; one more is refused as overloaded.
  std::size_t queue_max = 4096;
  /// How long the writer waits for another process that holds the write lock, before its batch is refused.
  std::chrono::milliseconds busy_timeout{2000};

  /// Budget of one read: virtual machine operations (some 30 ns each, so 90 ms of CPU), which is what a
  /// visitor can cause, and wall time, which a cold or slow disk can. At 100 ms of wall time healthy queries
  /// of a starved thread were given up.
  std::uint64_t read_operations_max = 3'000'000;
  std::chrono::milliseconds read_time_max{1'000};
  /// Page cache of each processor's reader.
  std::int64_t reader_cache_kib = 32 * 1024;
  /// Memory map instead of reads. Off: an I/O error in a map is a SIGBUS that ends the process, in a read it
  /// is an error code.
  std::int64_t reader_map_bytes = 0;

  /// Length of the write-ahead log, in pages of 4 KiB, from which on the writer copies it into the database
  /// file. Below 4,000 readers find a page in it by one hash lookup.
  int checkpoint_pages = 2000;
  /// How often ended auctions leave the search indices, and expired logins and form tokens are deleted.
  std::chrono::milliseconds housekeeping_every{60'000};

  /// How often the writer looks whether another process has written.
  std::chrono::milliseconds look_every{1'000};

  /// When a write happens. Called on the writer's thread.
  std::function<WallSeconds()> clock = wall_now;
  /// A registered SQLite VFS; empty for the system's own. Tests break the disk with it.
  std::string vfs{};
};

/// Opens the database, and makes it when there is none. Throws std::exception with a sentence for the
/// operator.
std::unique_ptr<Store> open_store(Options options);

}  // namespace sluice::auction::sqlite
