#include "apps/auction/settings.hpp"

#include <stdexcept>
#include <utility>

#include "apps/auction/store/postgresql/url.hpp"
#include "apps/auction/store/sqlite/store.hpp"

namespace sluice::auction {

void Settings::declare(server::Settings& settings) {
  using namespace std::chrono_literals;
  settings.add("database.url", database_url,
               "sqlite:FILE, or postgresql://USER@HOST,HOST/NAME; empty: auction.db in the state directory",
               postgresql::without_password);
  settings.add("database.replica_url", database_replica_url,
               "postgresql://... of a replica for lists and searches; empty: the primary serves them",
               postgresql::without_password);
  settings.add("database.connections", database_connections, 1, 64,
               "PostgreSQL sessions of each processor for writes; two more are for reads");
  settings.add("database.queue", database_queue, 1, 1'000'000,
               "Writes that may wait, and with PostgreSQL reads under way; one more is refused with 503");
  settings.add("auction.rubis_client", rubis_client,
               "Serve RUBiS' client: it acts for anybody without a password, so never on a public address");
  settings.add("auction.password_memory_kib", password_memory_kib, 1024, web::kCostMax.memory_kib,
               "Memory of a password hash (Argon2id), KiB");
  settings.add("auction.password_passes", password_passes, 1, web::kCostMax.passes,
               "Passes of a password hash over its memory");
  settings.add("auction.password_threads", password_threads, 1, 64, "Threads that hash passwords");
  settings.add("auction.page_cache_mib", page_cache_mib, 0, 1 << 20,
               "Memory for rendered pages, MiB, of all processors together; 0: none is kept");
  settings.add("auction.login_lifetime", login_lifetime, 1min, 8760h, "How long a login lasts");
}

web::Config Settings::web() const {
  web::Config config;
  config.rubis_client = rubis_client;
  config.passwords.threads = static_cast<unsigned>(password_threads);
  config.passwords.cost = {.memory_kib = static_cast<unsigned>(password_memory_kib),
                           .passes = static_cast<unsigned>(password_passes)};
  config.page_cache_bytes = std::size_t{page_cache_mib} << 20;
  config.login_lifetime = std::chrono::duration_cast<std::chrono::seconds>(login_lifetime);
  return config;
}

std::optional<std::filesystem::path> sqlite_file(const std::string& url) {
  static constexpr std::string_view kScheme = "sqlite:";
  if (!url.starts_with(kScheme) || url.size() == kScheme.size()) return std::nullopt;
  return url.substr(kScheme.size());
}

std::string unknown_database(const std::string& url) {
  return "\"" + postgresql::without_password(url) +
         "\" is no database: use sqlite:FILE or postgresql://HOST/NAME";
}

std::vector<server::Problem> Settings::check() const {
  std::vector<server::Problem> problems;
  const auto check_url = [&problems](const char* key, const std::string& url) {
    try {
      postgresql::parse_url(url, "any");
    } catch (const std::runtime_error& error) {
      problems.push_back({key, error.what()});
    }
  };
  if (shares_database()) {
    check_url("database.url", database_url);
    if (!database_replica_url.empty()) check_url("database.replica_url", database_replica_url);
  } else {
    if (!database_url.empty() && !sqlite_file(database_url))
      problems.push_back({"database.url", unknown_database(database_url)});
    if (!database_replica_url.empty())
      problems.push_back({"database.replica_url", "needs a database.url that is postgresql://..."});
  }
  return problems;
}

bool Settings::shares_database() const { return postgresql::is_url(database_url); }

std::filesystem::path Settings::database_file(const std::filesystem::path& state_dir) const {
  if (database_url.empty()) return state_dir / "auction.db";
  const auto file = sqlite_file(database_url);
  if (!file) throw std::runtime_error("database.url: " + unknown_database(database_url));
  return *file;
}

std::unique_ptr<Store> Settings::open_store(const std::filesystem::path& state_dir) const {
  if (!shares_database()) {
    sqlite::Options options;
    options.file = database_file(state_dir);
    options.queue_max = database_queue;
    return sqlite::open_store(std::move(options));
  }
  postgresql::Options options;
  options.url = database_url;
  options.replica_url = database_replica_url;
  options.connections = database_connections;
  options.queue_max = database_queue;
  return postgresql::open_store(std::move(options));
}

}  // namespace sluice::auction
