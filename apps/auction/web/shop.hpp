#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/auction/store/repository.hpp"
#include "apps/auction/web/credential_cache.hpp"
#include "apps/auction/web/login_limiter.hpp"
#include "apps/auction/web/page_cache.hpp"
#include "apps/auction/web/password_pool.hpp"
#include "apps/auction/web/session.hpp"
#include "server/app.hpp"
#include "server/http/form.hpp"
#include "server/http/message.hpp"
#include "server/task.hpp"

/// What an action works with: the shop on one processor, and one visit to it.
namespace sluice::auction::web {

struct Config {
  /// Serve RUBiS' client: writes by GET on the servlet URLs, in the name of whomever a parameter names,
  /// without a password. Anybody who reaches the port may then act as anybody: for benchmarks on trusted
  /// networks only.
  bool rubis_client = false;
  PasswordPool::Config passwords{};
  std::size_t page_cache_bytes = std::size_t{256} << 20;        ///< Of all processors together.
  std::chrono::seconds login_lifetime = std::chrono::days{14};  ///< Of the cookie and of the stored login.
  WallSeconds (*now)() = &wall_now;                             ///< Tests bring their own.
};

/// Shared by all processors; safe on any thread.
struct Shared {
  explicit Shared(const Config& c) : config(c), passwords(c.passwords) {}

  const Config config;
  PasswordPool passwords;
  LoginLimiter limiter;
  PageCacheTotals page_caches;
  const std::string device_key = new_secret();  ///< Browsers known before a restart are unknown after it.
};

/// The shop on one processor.
struct Shop {
  Shared& shared;
  server::ProcessorContext processor;
  std::unique_ptr<Repository> repository;
  PageCache pages;
  CredentialCache credentials{};
  std::vector<Category> categories{};  ///< Read once: they never change.
  std::vector<Region> regions{};
};

/// Which of the two families of URLs a request came by. The pages are the same; RUBiS' family answers 200
/// whatever the outcome, and flags a failure by the title "RUBiS ERROR" (rubis.md section 6).
enum class Family : std::uint8_t { people, rubis };

struct Session {
  Login login;
  std::string secret;  ///< Of the login cookie.
};

/// One request, as the actions see it.
struct Visit {
  const http::Request& request;
  Family family = Family::people;
  http::Form form{};          ///< Of the query, or of the body of a post.
  bool rubis_client = false;  ///< RUBiS' family, and `Config::rubis_client` is on.
  WallSeconds now{};
  std::optional<Session> session{};
  std::string visit_secret{};  ///< Of the visit cookie; empty while there is none.
  bool visit_cookie_is_new = false;

  /// For the forms of the page being made. Without a login it begins a visit, that is, sets a cookie.
  std::string csrf();
  bool is_post() const noexcept { return request.method == http::Verb::post; }
};

/// Reads the lists that never change, once.
Task<Result<void>> load_catalogue(Shop& shop);
/// Empty when there is no such category.
std::string_view category_name(const Shop& shop, Id id) noexcept;
std::string_view region_name(const Shop& shop, Id id) noexcept;

}  // namespace sluice::auction::web
