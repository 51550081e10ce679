#pragma once
#include <array>
#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "apps/auction/web/secrets.hpp"
#include "base/clock.hpp"

/// Credentials that were right a moment ago, so that RUBiS' pages, which carry nickname and password in every
/// request, don't hash each time.
namespace sluice::auction::web {

/// One per processor. Keeps no password: only a keyed digest of nickname, password and stored hash together,
/// so a changed password is forgotten by itself, and the key is wiped with the cache.
class CredentialCache {
 public:
  static constexpr std::chrono::seconds kLifetime{60};
  static constexpr std::size_t kEntriesMax = 4096;

  CredentialCache();
  ~CredentialCache();
  CredentialCache(const CredentialCache&) = delete;
  CredentialCache& operator=(const CredentialCache&) = delete;

  bool knows(std::string_view nickname, std::string_view password, std::string_view stored,
             Monotonic::time_point now);
  /// Only after the password was verified. The oldest entry makes room.
  void remember(std::string_view nickname, std::string_view password, std::string_view stored,
                Monotonic::time_point now);
  std::size_t size() const noexcept { return expiry_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const Digest& digest) const noexcept;
  };
  Digest digest_of(std::string_view nickname, std::string_view password, std::string_view stored) const;
  void drop_expired(Monotonic::time_point now);

  std::string key_;
  std::unordered_map<Digest, Monotonic::time_point, Hash> expiry_;
  std::deque<Digest> by_age_;  // of equal lifetimes: the oldest expires first
};

}  // namespace sluice::auction::web
