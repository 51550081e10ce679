#include "server/place.hpp"

#include <charconv>
#include <cstring>
#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/bytes.hpp"

namespace sluice::server {

namespace {

/// Three numbers in hexadecimal, each of 16 digits.
std::string text_of(const Place& place) {
  const auto hex = [](std::uint64_t value) {
    std::array<std::uint8_t, 8> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
    return to_hex(bytes);
  };
  return hex(static_cast<std::uint64_t>(place.since.time_since_epoch().count())) +
         hex(static_cast<std::uint64_t>(place.not_before.time_since_epoch().count())) + hex(place.visitor);
}

std::optional<std::uint64_t> number_at(std::string_view text, std::size_t index) noexcept {
  const std::string_view digits = text.substr(16 * index, 16);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

constexpr std::size_t kTextSize = 48, kMacDigits = 32;

}  // namespace

PlaceBook::PlaceBook() {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1)
    throw std::runtime_error("OpenSSL has no random numbers");
}

PlaceBook::~PlaceBook() { OPENSSL_cleanse(key_.data(), key_.size()); }

PlaceBook::Mac PlaceBook::mac_of(std::string_view text) const {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> whole{};
  unsigned size = 0;
  const Bytes bytes = as_bytes(text);
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), bytes.data(), bytes.size(), whole.data(),
           &size) == nullptr)
    throw std::bad_alloc{};
  Mac mac{};
  std::memcpy(mac.data(), whole.data(), mac.size());
  return mac;
}

Place PlaceBook::issue(const std::optional<Place>& held, WallSeconds now, std::chrono::seconds wait) const {
  Place place = held.value_or(Place{.since = now});
  place.not_before = now + wait;
  if (place.visitor == 0) {
    std::array<std::uint8_t, sizeof place.visitor> random{};
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) throw std::bad_alloc{};
    std::memcpy(&place.visitor, random.data(), random.size());
  }
  return place;
}

std::string PlaceBook::sign(const Place& place) const {
  std::string text = text_of(place);
  return text + to_hex(mac_of(text));
}

std::optional<Place> PlaceBook::check(std::string_view value, WallSeconds now) const {
  if (value.size() != kTextSize + kMacDigits) return std::nullopt;
  const std::string_view text = value.substr(0, kTextSize);
  const std::string expected = to_hex(mac_of(text));
  if (CRYPTO_memcmp(expected.data(), value.data() + kTextSize, kMacDigits) != 0) return std::nullopt;
  const auto since = number_at(text, 0), not_before = number_at(text, 1), visitor = number_at(text, 2);
  if (!since || !not_before || !visitor) return std::nullopt;
  const auto time = [](std::uint64_t count) {
    return WallSeconds{std::chrono::seconds{static_cast<std::int64_t>(count)}};
  };
  const Place place{.since = time(*since), .not_before = time(*not_before), .visitor = *visitor};
  if (place.not_before + kLifetime < now) return std::nullopt;
  return place;
}

bool PlaceBook::used(const Place& place) {
  const std::lock_guard lock(mutex_);
  return used_.contains(place.visitor) || used_before_.contains(place.visitor);
}

bool PlaceBook::use(const Place& place) {
  const std::lock_guard lock(mutex_);
  if (used_before_.contains(place.visitor)) return false;
  if (used_.size() >= kUsedMax) {
    used_before_.swap(used_);
    used_.clear();
  }
  return used_.insert(place.visitor).second;
}

}  // namespace sluice::server
