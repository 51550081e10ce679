#include "apps/auction/web/secrets.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace sluice::auction::web {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string encoded(std::string_view bytes, std::string_view last_two) {
  const auto digit = [&](std::uint32_t value) {
    return value < 62 ? kAlphabet[value] : last_two[value - 62];
  };
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) text += digit(bits >> (count - 6) & 63);
  }
  if (count > 0) text += digit(bits << (6 - count) & 63);
  return text;
}

std::optional<std::string> decoded(std::string_view text, std::string_view last_two) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    auto value = kAlphabet.find(c);
    if (value == std::string_view::npos) {
      const auto rest = last_two.find(c);
      if (rest == std::string_view::npos) return std::nullopt;
      value = 62 + rest;
    }
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 255);
  }
  if (encoded(bytes, last_two) != text) return std::nullopt;  // a lone digit, or bits behind the last byte
  return bytes;
}

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    throw std::runtime_error("no random bytes");
  }
  return bytes;
}

Digest sha256(std::string_view data) {
  Digest digest{};
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, data.data(), data.size(), digest.data(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 failed");
  }
  return digest;
}

Digest hmac_sha256(std::string_view key, std::string_view data) {
  Digest digest{};
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(data), data.size(), digest.data(),
           nullptr) == nullptr) {
    throw std::runtime_error("HMAC failed");
  }
  return digest;
}

std::string base64url(std::string_view bytes) { return encoded(bytes, "-_"); }
std::optional<std::string> from_base64url(std::string_view text) { return decoded(text, "-_"); }
std::string base64(std::string_view bytes) { return encoded(bytes, "+/"); }
std::optional<std::string> from_base64(std::string_view text) { return decoded(text, "+/"); }

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace sluice::auction::web
