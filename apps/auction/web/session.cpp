#include "apps/auction/web/session.hpp"

#include <boost/beast/core/string.hpp>

#include "apps/auction/web/secrets.hpp"

namespace sluice::auction::web {

namespace {
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kTokenBytes = 16;
constexpr std::size_t kNonceBytes = 12;
constexpr std::string_view kAttributes = "; Path=/; Secure; HttpOnly; SameSite=Lax";

std::string proof_of(std::string_view key, std::string_view nonce, std::string_view nickname) {
  const Digest digest = hmac_sha256(key, std::string{nonce} + std::string{nickname});
  return base64url(nonce) + '.' + base64url(as_text(digest).substr(0, kTokenBytes));
}
}  // namespace

std::optional<std::string> cookie_secret(const http::Request& request, std::string_view name) {
  const std::string_view value = request.cookie(name);
  if (value.size() != 43) return std::nullopt;  // 32 bytes in base64
  auto secret = from_base64url(value);
  if (!secret || secret->size() != kSecretBytes) return std::nullopt;
  return secret;
}

std::string new_secret() { return random_bytes(kSecretBytes); }

LoginKey login_key(std::string_view secret) { return sha256(secret); }

std::string set_cookie(std::string_view name, std::string_view value,
                       std::optional<std::chrono::seconds> lifetime) {
  std::string text{name};
  text.append("=").append(value).append(kAttributes);
  if (lifetime) text.append("; Max-Age=").append(std::to_string(lifetime->count()));
  return text;
}

std::string expire_cookie(std::string_view name) { return set_cookie(name, "", std::chrono::seconds{0}); }

std::string csrf_token(std::string_view secret) {
  return base64url(as_text(hmac_sha256(secret, "form")).substr(0, kTokenBytes));
}

bool is_csrf_token(std::string_view secret, std::string_view token) {
  return equal_in_constant_time(csrf_token(secret), token);
}

bool comes_from_this_site(const http::Request& request) {
  const std::string_view site = request.field("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin") return false;
  const std::string_view origin = request.field("Origin");
  if (origin == "null")
    return site == "same-origin";  // what a strict referrer policy makes of our own origin
  constexpr std::string_view kScheme = "https://";
  return origin.empty() ||
         (origin.starts_with(kScheme) && boost::beast::iequals(origin.substr(kScheme.size()), request.host));
}

bool is_form_post(const http::Request& request) {
  std::string_view type = request.field("Content-Type");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return boost::beast::iequals(type, "application/x-www-form-urlencoded");
}

std::string device_proof(std::string_view key, std::string_view nickname) {
  return proof_of(key, random_bytes(kNonceBytes), nickname);
}

std::string known_device(const http::Request& request, std::string_view key, std::string_view nickname) {
  const std::string_view proof = request.cookie(kDeviceCookie);
  const auto dot = proof.find('.');
  if (dot == std::string_view::npos || proof.size() > 64) return {};
  const auto nonce = from_base64url(proof.substr(0, dot));
  if (!nonce || nonce->size() != kNonceBytes) return {};
  return equal_in_constant_time(proof_of(key, *nonce, nickname), proof) ? *nonce : std::string{};
}

}  // namespace sluice::auction::web
