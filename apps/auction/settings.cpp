#include "apps/auction/settings.hpp"

#include <stdexcept>

namespace sluice::auction {

void Settings::declare(server::Settings& settings) {
  using namespace std::chrono_literals;
  settings.add("database.url", database_url, "sqlite:FILE; empty: auction.db in the state directory");
  settings.add("database.queue", database_queue, 1, 1'000'000,
               "Writes that may wait; one more is refused with 503");
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

std::filesystem::path Settings::database_file(const std::filesystem::path& state_dir) const {
  if (database_url.empty()) return state_dir / "auction.db";
  const auto file = sqlite_file(database_url);
  if (!file)
    throw std::runtime_error("database.url is \"" + database_url + "\", but only sqlite:FILE is supported");
  return *file;
}

}  // namespace sluice::auction
