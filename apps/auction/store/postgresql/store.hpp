#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "apps/auction/store/repository.hpp"

/// The auction in a PostgreSQL database that several servers share. Only what PostgreSQL has in common with
/// CockroachDB and YugabyteDB is used; neither of these has been tried.
namespace sluice::auction::postgresql {

struct Options {
  std::string url;  ///< postgresql://... of the primary; target_session_attrs is read-write unless given.
  std::string replica_url;  ///< Of a replica for lists and searches; empty: the primary serves them.
  /// Sessions of each processor for writes, begun when they are needed. Two more are for reads. PostgreSQL
  /// makes the commits of several durable with one fsync, so more of them carry more.
  std::size_t connections = 8;
  /// Writes that may wait for a session, and reads that may be under way, each of all processors together.
  /// One more is refused as overloaded.
  std::size_t queue_max = 4096;

  std::chrono::milliseconds connect_time_max{
      2'000};  ///< Of one endpoint; the URL's connect_timeout counts more.
  /// Limits of one statement, which the server keeps (statement_timeout). Beyond that a read or write is
  /// overloaded.
  std::chrono::milliseconds read_time_max{1'000};
  std::chrono::milliseconds write_time_max{2'000};
  /// Of one write with all its tries, and of its wait for a session.
  std::chrono::milliseconds write_deadline{5'000};

  /// How often ended auctions leave the search, and expired logins and form tokens are deleted.
  std::chrono::milliseconds housekeeping_every{60'000};
  /// How often the database is looked at when nobody asks for it.
  std::chrono::milliseconds look_every{1'000};

  /// When a write happens; any thread. Empty: the clock of the database, which all its servers share. Reads
  /// go by the time of the server that asks: while its clock is wrong, it may still list an auction that is
  /// over, but a bid on it is refused.
  std::function<WallSeconds()> clock{};
};

/// Opens the database, and makes the tables of an auction where there are none. A database that can't be
/// reached is no error: the store says so (not_ready, StoreError::unavailable) until it is there. Throws
/// std::exception with a sentence for the operator when the URL is no good, the server refuses us, or the
/// tables are not ours.
std::unique_ptr<Store> open_store(Options options);

}  // namespace sluice::auction::postgresql
