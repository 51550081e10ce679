#include "server/tls/ticket_keys.hpp"

#include <stdexcept>

#include <openssl/rand.h>

namespace sluice::tls {

namespace {

bool fill(TicketKey& key) noexcept {
  return RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
         RAND_priv_bytes(key.aes.data(), static_cast<int>(key.aes.size())) == 1 &&
         RAND_priv_bytes(key.hmac.data(), static_cast<int>(key.hmac.size())) == 1;
}

}  // namespace

TicketKey make_ticket_key(WallSeconds now) {
  TicketKey key{.created_at = now};
  if (!fill(key)) throw std::runtime_error("can't make a ticket key: there is no randomness");
  return key;
}

const TicketKey* TicketKeyRing::find(Bytes name) const noexcept {
  const TicketKey* found = nullptr;
  for (const TicketKey& key : keys_) {
    if (name.size() == key.name.size() && CRYPTO_memcmp(name.data(), key.name.data(), key.name.size()) == 0)
      found = &key;
  }
  return found;
}

TicketKeyRing rotate(const TicketKeyRing& ring, const TicketKey& fresh, WallSeconds now,
                     const TicketKeyOptions& options) {
  TicketKeyRing next{fresh};
  for (const TicketKey& key : ring.keys()) {
    if (next.keys_.size() == TicketKeyRing::kKeysMax) break;
    if (now - key.created_at <= options.lifetime + options.session_timeout) next.keys_.push_back(key);
  }
  return next;
}

TicketKeys::TicketKeys(const TicketKeyOptions& options, WallSeconds now)
    : options_(options), ring_(std::make_shared<const TicketKeyRing>(make_ticket_key(now))) {}

std::shared_ptr<const TicketKeyRing> TicketKeys::ring() const {
  const std::lock_guard lock(mutex_);
  return ring_;
}

bool TicketKeys::maybe_rotate(WallSeconds now) {
  const std::lock_guard lock(mutex_);
  if (now - ring_->current().created_at < options_.lifetime) return false;
  TicketKey fresh{.created_at = now};
  if (!fill(fresh)) return false;
  ring_ = std::make_shared<const TicketKeyRing>(rotate(*ring_, fresh, now, options_));
  return true;
}

std::chrono::seconds TicketKeys::age(WallSeconds now) const { return now - ring()->current().created_at; }

}  // namespace sluice::tls
