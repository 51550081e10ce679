#include "server/tls/ticket_keys.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <tuple>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/handle.hpp"

namespace sluice::tls {

namespace {

bool fill(TicketKey& key) noexcept {
  return RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
         RAND_priv_bytes(key.aes.data(), static_cast<int>(key.aes.size())) == 1 &&
         RAND_priv_bytes(key.hmac.data(), static_cast<int>(key.hmac.size())) == 1;
}

bool newer(const TicketKey& a, const TicketKey& b) noexcept {
  return std::tie(a.generation, a.active_at, a.name) > std::tie(b.generation, b.active_at, b.name);
}

bool hkdf(Bytes secret, Bytes info, std::span<std::uint8_t> out) noexcept {
  const Handle<EVP_KDF, EVP_KDF_free> kdf{EVP_KDF_fetch(nullptr, "HKDF", nullptr)};
  const Handle<EVP_KDF_CTX, EVP_KDF_CTX_free> context{kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr};
  if (!context) return false;
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<std::uint8_t*>(secret.data()),
                                        secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<std::uint8_t*>(info.data()),
                                        info.size()),
      OSSL_PARAM_construct_end()};
  return EVP_KDF_derive(context.get(), out.data(), out.size(), params) == 1;
}

}  // namespace

TicketKey make_ticket_key(WallSeconds active_at) {
  TicketKey key{.active_at = active_at};
  if (!fill(key)) throw std::runtime_error("can't make a ticket key: there is no randomness");
  return key;
}

TicketKey derive_ticket_key(Bytes secret, std::uint64_t epoch, std::chrono::seconds lifetime) {
  std::vector<std::uint8_t> info;
  ByteWriter(info).bytes(as_bytes("sluice ticket key")).u64(epoch);
  TicketKey key{.active_at = WallSeconds{lifetime * static_cast<std::int64_t>(epoch)}, .generation = epoch};
  Secret<sizeof key.name + 2 * 32> material;
  if (!hkdf(secret, info, {material.data(), material.size()}))
    throw std::runtime_error("can't derive ticket keys from the secret");
  std::copy_n(material.data(), key.name.size(), key.name.data());
  std::copy_n(material.data() + key.name.size(), key.aes.size(), key.aes.data());
  std::copy_n(material.data() + key.name.size() + key.aes.size(), key.hmac.size(), key.hmac.data());
  return key;
}

bool mac_with(const TicketKey& key, std::string_view label, Bytes bytes, TicketKeyMac& mac) noexcept {
  std::array<std::uint8_t, 512> input{};
  if (label.size() + bytes.size() > input.size()) return false;
  const auto end = std::ranges::copy(bytes, std::ranges::copy(label, input.begin()).out).out;
  return HMAC(EVP_sha256(), key.hmac.data(), static_cast<int>(key.hmac.size()), input.data(),
              static_cast<std::size_t>(end - input.begin()), mac.data(), nullptr) != nullptr;
}

// The ring. ----------------------------------------------------------------------------------------

const TicketKey* TicketKeyRing::find(Bytes name) const noexcept {
  const TicketKey* found = nullptr;
  for (const TicketKey& key : keys_) {
    if (name.size() == key.name.size() && CRYPTO_memcmp(name.data(), key.name.data(), key.name.size()) == 0)
      found = &key;
  }
  return found;
}

std::uint64_t TicketKeyRing::fingerprint() const noexcept {
  std::uint64_t sum = 0;
  for (const TicketKey& key : keys_) {
    std::uint64_t part = 0;
    std::memcpy(&part, key.name.data(), sizeof part);
    sum ^= part;
  }
  return sum;
}

TicketKeyRing merge(const TicketKeyRing& ring, std::span<const TicketKey> more, WallSeconds now,
                    const TicketKeyOptions& options) {
  TicketKeyRing merged = ring;
  auto& keys = merged.keys_;
  for (const TicketKey& key : more) {
    const bool known = std::ranges::any_of(keys, [&](const TicketKey& k) { return k.name == key.name; });
    if (!known && key.active_at - now <= 2 * options.lifetime) keys.push_back(key);
  }
  std::ranges::sort(keys, newer);
  const auto active = std::ranges::find_if(keys, [&](const TicketKey& k) { return k.active_at <= now; });
  // When the clock went back none may be; then all goes on as it is.
  const auto current_name = active != keys.end() ? active->name : ring.current().name;
  std::erase_if(keys, [&](const TicketKey& key) {
    return key.name != current_name && now - key.active_at > options.lifetime + options.session_timeout;
  });
  const auto place = [&] {
    return static_cast<std::size_t>(
        std::ranges::find_if(keys, [&](const TicketKey& k) { return k.name == current_name; }) -
        keys.begin());
  };
  while (keys.size() > TicketKeyRing::kKeysMax) {
    keys.erase(place() + 1 == keys.size() ? keys.begin() : keys.end() - 1);
  }
  merged.current_ = place();
  return merged;
}

std::optional<WallSeconds> next_active_at(const TicketKeyRing& ring, WallSeconds now,
                                          const TicketKeyOptions& options) {
  const TicketKey& newest = ring.keys().front();
  if (newest.active_at > now && ring.keys().size() > 1) return std::nullopt;
  const auto soon = options.clustered ? now + TicketKeyOptions::kSpread : now;
  // The cluster has no key of its own yet, only those that its members brought.
  if (options.clustered && newest.generation == 0) return soon;
  const auto over = newest.active_at + options.lifetime;
  if (now < over - options.lead()) return std::nullopt;
  return std::max(over, soon);
}

// In use. ------------------------------------------------------------------------------------------

TicketKeys::TicketKeys(const TicketKeyOptions& options, WallSeconds now) : options_(options) {
  if (options_.secret.size() == 0) {
    use(TicketKeyRing{make_ticket_key(now)});
    return;
  }
  const auto keys = derived(now);
  use(merge(TicketKeyRing{keys.front()}, keys, now, options_));
}

std::uint64_t TicketKeys::epoch_of(WallSeconds now) const noexcept {
  return static_cast<std::uint64_t>(now.time_since_epoch() / options_.lifetime);
}

/// The key of this time, the next, and those of which tickets may be about. A clock that is somewhat late
/// meets tickets of the next.
std::vector<TicketKey> TicketKeys::derived(WallSeconds now) const {
  const std::uint64_t epoch = epoch_of(now);
  const auto back = std::min<std::uint64_t>(
      {epoch, static_cast<std::uint64_t>(options_.session_timeout / options_.lifetime) + 1,
       TicketKeyRing::kKeysMax - 2});
  std::vector<TicketKey> keys;
  keys.reserve(back + 2);
  for (std::uint64_t e = epoch - back; e <= epoch + 1; ++e)
    keys.push_back(derive_ticket_key(options_.secret.view(), e, options_.lifetime));
  return keys;
}

void TicketKeys::use(TicketKeyRing ring) { ring_ = std::make_shared<const TicketKeyRing>(std::move(ring)); }

std::shared_ptr<const TicketKeyRing> TicketKeys::ring() const {
  const std::lock_guard lock(mutex_);
  return ring_;
}

bool TicketKeys::renew(WallSeconds now, bool leads) {
  const std::lock_guard lock(mutex_);
  std::vector<TicketKey> made;
  if (options_.secret.size() > 0) {
    if (ring_->keys().front().generation < epoch_of(now) + 1) made = derived(now);
  } else if (const auto active_at = next_active_at(*ring_, now, options_); active_at && leads) {
    TicketKey key{.active_at = *active_at, .generation = ring_->keys().front().generation + 1};
    if (fill(key)) made.push_back(key);
  }
  TicketKeyRing next = merge(*ring_, made, now, options_);
  const bool changed = next.fingerprint() != ring_->fingerprint();
  if (changed || next.current().name != ring_->current().name) use(std::move(next));
  return changed && !made.empty();
}

bool TicketKeys::add(std::span<const TicketKey> keys, WallSeconds now) {
  const std::lock_guard lock(mutex_);
  TicketKeyRing next = merge(*ring_, keys, now, options_);
  if (next.fingerprint() == ring_->fingerprint()) return false;
  use(std::move(next));
  return true;
}

void TicketKeys::replace(std::span<const TicketKey> keys, WallSeconds now) {
  if (keys.empty()) return;
  const std::lock_guard lock(mutex_);
  use(merge(TicketKeyRing{keys.front()}, keys, now, options_));
}

std::chrono::seconds TicketKeys::age(WallSeconds now) const { return now - ring()->current().active_at; }

}  // namespace sluice::tls
