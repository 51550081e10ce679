#include "apps/auction/web/credential_cache.hpp"

#include <openssl/crypto.h>

#include <cstring>

namespace sluice::auction::web {

CredentialCache::CredentialCache() : key_(random_bytes(32)) {}

CredentialCache::~CredentialCache() { OPENSSL_cleanse(key_.data(), key_.size()); }

std::size_t CredentialCache::Hash::operator()(const Digest& digest) const noexcept {
  std::size_t hash = 0;  // the digest is keyed and uniform: any part of it will do
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

Digest CredentialCache::digest_of(std::string_view nickname, std::string_view password,
                                  std::string_view stored) const {
  std::string joined;
  joined.reserve(nickname.size() + password.size() + stored.size() + 2);
  joined.append(nickname).append(1, '\0').append(password).append(1, '\0').append(stored);
  const Digest digest = hmac_sha256(key_, joined);
  OPENSSL_cleanse(joined.data(), joined.size());
  return digest;
}

void CredentialCache::drop_expired(Monotonic::time_point now) {
  while (!by_age_.empty()) {
    const auto oldest = expiry_.find(by_age_.front());
    if (oldest != expiry_.end() && oldest->second > now) return;
    if (oldest != expiry_.end()) expiry_.erase(oldest);
    by_age_.pop_front();
  }
}

bool CredentialCache::knows(std::string_view nickname, std::string_view password, std::string_view stored,
                            Monotonic::time_point now) {
  drop_expired(now);
  return expiry_.contains(digest_of(nickname, password, stored));
}

void CredentialCache::remember(std::string_view nickname, std::string_view password, std::string_view stored,
                               Monotonic::time_point now) {
  const Digest digest = digest_of(nickname, password, stored);
  if (!expiry_.emplace(digest, now + kLifetime).second) return;
  by_age_.push_back(digest);
  if (by_age_.size() > kEntriesMax) {
    expiry_.erase(by_age_.front());
    by_age_.pop_front();
  }
}

}  // namespace sluice::auction::web
