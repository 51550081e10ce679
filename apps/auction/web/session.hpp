#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "apps/auction/store/repository.hpp"
#include "server/http/message.hpp"

/// Cookies, and what is derived from them. `__Host-` means: HTTPS only, this host only, not set by a
/// subdomain (RFC 6265bis section 4.1.3).
namespace sluice::auction::web {

inline constexpr std::string_view kLoginCookie =
    "__Host-sluice";  ///< 32 random bytes; made anew at each login.
inline constexpr std::string_view kVisitCookie =
    "__Host-visit";  ///< 32 random bytes; for forms without a login.
inline constexpr std::string_view kDeviceCookie =
    "__Host-known";  ///< Shows that a browser has logged in before.

/// The decoded secret of a cookie; `nullopt` when absent or not ours.
std::optional<std::string> cookie_secret(const http::Request& request, std::string_view name);
std::string new_secret();
/// Under which the login of that secret is stored.
LoginKey login_key(std::string_view secret);

/// Value of `Set-Cookie`. Without `lifetime` it goes with the browser's session.
std::string set_cookie(std::string_view name, std::string_view value,
                       std::optional<std::chrono::seconds> lifetime);
std::string expire_cookie(std::string_view name);

/// What a form of the browser that has `secret` must carry. Says nothing about the secret.
std::string csrf_token(std::string_view secret);
/// In constant time.
bool is_csrf_token(std::string_view secret, std::string_view token);

/// Whether a post may come from a page of this site, as far as the browser tells: `Origin` and
/// `Sec-Fetch-Site`, when present, must name us. Old browsers send neither; the token decides.
bool comes_from_this_site(const http::Request& request);
/// application/x-www-form-urlencoded, with or without a charset. Pages of other sites can post text/plain
/// unasked.
bool is_form_post(const http::Request& request);

/// Cookie value by which a browser shows that it logged in to an account before; it needs `key` to be made.
std::string device_proof(std::string_view key, std::string_view nickname);
/// Identifies the browser when its proof is good for `nickname`, else empty.
std::string known_device(const http::Request& request, std::string_view key, std::string_view nickname);

}  // namespace sluice::auction::web
