#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Where a PostgreSQL database is: `postgresql://user@host1:5432,host2/database?sslmode=verify-full`,
/// everything that libpq understands.
namespace sluice::auction::postgresql {

bool is_url(std::string_view text) noexcept;

/// The same URL with `***` in place of every password: what may be shown. Text that is no URL of PostgreSQL
/// is returned as it is.
std::string without_password(std::string_view url);

/// One server that may be asked, as keywords and values of libpq.
struct Endpoint {
  std::string host, address, port;  ///< Empty: libpq's default. `address` skips looking up `host`.
  bool is_name() const noexcept;    ///< Has to be looked up.
};

/// A URL taken apart.
struct Target {
  std::vector<Endpoint> endpoints;  ///< At least one; asked in this order.
  std::optional<std::chrono::seconds> connect_timeout;
  /// What else is given, by libpq's keywords.
  std::vector<std::pair<std::string, std::string>> options;
  /// Values of target_session_attrs, one search through the endpoints for each: two for "prefer-standby".
  std::vector<std::string> wanted;
};

/// `wanted`: what a session must be when the URL does not say (its target_session_attrs). Throws
/// std::runtime_error with a sentence that does not show the password.
Target parse_url(const std::string& url, std::string_view wanted);

}  // namespace sluice::auction::postgresql
