#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/auction/store/postgresql/store.hpp"
#include "apps/auction/web/app.hpp"
#include "server/settings.hpp"

/// The auction's own configuration keys: [database] and [auction].
namespace sluice::auction {

struct Settings {
  std::string database_url{};  ///< Empty: auction.db in the state directory.
  std::string database_replica_url{};
  std::uint64_t database_connections = postgresql::Options{}.connections;
  std::uint64_t database_queue = 4096;
  bool rubis_client = false;
  std::uint64_t password_memory_kib = web::PasswordCost{}.memory_kib;
  std::uint64_t password_passes = web::PasswordCost{}.passes;
  std::uint64_t password_threads = 1;
  std::uint64_t page_cache_mib = web::Config{}.page_cache_bytes >> 20;
  std::chrono::milliseconds login_lifetime = std::chrono::days{14};

  void declare(server::Settings& settings);
  /// What the pages are run with.
  web::Config web() const;
  /// What is wrong with the keys of the database.
  std::vector<server::Problem> check() const;
  /// postgresql://...: several servers may use it.
  bool shares_database() const;
  /// Of an SQLite database.
  std::filesystem::path database_file(const std::filesystem::path& state_dir) const;
  /// Throws with a sentence for the operator.
  std::unique_ptr<Store> open_store(const std::filesystem::path& state_dir) const;
};

/// "sqlite:FILE" -> FILE; nullopt for anything else.
std::optional<std::filesystem::path> sqlite_file(const std::string& url);

/// "..., but only sqlite:FILE and postgresql://HOST/NAME are supported", without a password that the URL
/// holds.
std::string unknown_database(const std::string& url);

}  // namespace sluice::auction
