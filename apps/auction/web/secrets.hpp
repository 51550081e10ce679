#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Random bytes, digests and their text forms, through OpenSSL. Throws std::runtime_error when OpenSSL fails,
/// which means that the machine has no entropy or no memory.
namespace sluice::auction::web {

using Digest = std::array<std::uint8_t, 32>;

std::string random_bytes(std::size_t count);
Digest sha256(std::string_view data);
Digest hmac_sha256(std::string_view key, std::string_view data);

/// RFC 4648 section 5, without padding.
std::string base64url(std::string_view bytes);
/// `nullopt` unless `text` is exactly what base64url() makes of some bytes.
std::optional<std::string> from_base64url(std::string_view text);
/// The alphabet of RFC 4648 section 4, also without padding.
std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

/// Takes as long for a wrong secret as for the right one. The lengths are no secret.
bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

inline std::string_view as_text(const Digest& digest) noexcept {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace sluice::auction::web
