#pragma once
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "server/tls/secret.hpp"

/// Keys of session tickets (RFC 5077 section 4), renewed while the server runs, and shared by the members of
/// a cluster. They live in memory only: whoever has one reads every TLS 1.2 connection that was resumed from
/// its tickets.
namespace sluice::tls {

struct TicketKey {
  std::array<std::uint8_t, 16> name{};  ///< In the clear at the front of every ticket.
  Secret<32> aes{};                     ///< AES-256-CBC.
  Secret<32> hmac{};                    ///< HMAC-SHA256.
  WallSeconds active_at{};              ///< Seals tickets from then on; opens them as soon as it is known.
  /// Counts the renewals of a cluster, or of a server that stands alone. 0: made by a server as it started,
  /// so any key that a cluster already uses comes before it.
  std::uint64_t generation = 0;
};

/// Fresh and random, of generation 0. Throws `std::runtime_error` when OpenSSL has no randomness.
TicketKey make_ticket_key(WallSeconds active_at);

/// Key `epoch` of those that all who know `secret` come to by themselves: by HKDF-SHA256 (RFC 5869), active
/// from `epoch` times `lifetime` after 1970. Throws `std::runtime_error` when OpenSSL can't.
TicketKey derive_ticket_key(Bytes secret, std::uint64_t epoch, std::chrono::seconds lifetime);

/// HMAC-SHA256 under the key, of a label that says what for, and `bytes`, 512 bytes together at
/// most. False otherwise, and when OpenSSL can't.
using TicketKeyMac = std::array<std::uint8_t, 32>;
bool mac_with(const TicketKey& key, std::string_view label, Bytes bytes, TicketKeyMac& mac) noexcept;

struct TicketKeyOptions {
  std::chrono::seconds lifetime{12 * 3600};  ///< A key seals new tickets for so long.
  /// Longest life of a ticket. When it is more than `TicketKeyRing::kKeysMax - 2` lifetimes, the oldest
  /// tickets outlive their keys and end in a full handshake.
  std::chrono::seconds session_timeout{12 * 3600};
  /// The server is one of several: it makes keys when it is told to lead, and others get to know a key at
  /// least `kSpread` before it seals.
  bool clustered = false;
  /// Not empty: keys are derived from it, and nobody has to lead. Clocks must agree to half a lifetime.
  SecretBytes secret{};

  static constexpr std::chrono::seconds kSpread{2};
  /// How long before its first use a key is made.
  std::chrono::seconds lead() const noexcept {
    return std::min<std::chrono::seconds>(lifetime / 4, std::chrono::hours{1});
  }
};

/// The key that seals new tickets; keys that will, once it is their time; older ones that still open theirs.
/// Never empty, never changed.
class TicketKeyRing {
 public:
  static constexpr std::size_t kKeysMax = 16;

  explicit TicketKeyRing(const TicketKey& only) : keys_{only} {}

  const TicketKey& current() const noexcept { return keys_[current_]; }
  /// Newest first.
  std::span<const TicketKey> keys() const noexcept { return keys_; }
  /// Null when no key has this name. Looks at every key, wherever the right one is.
  const TicketKey* find(Bytes name) const noexcept;
  /// The same for two rings of the same keys, and hardly ever for others.
  std::uint64_t fingerprint() const noexcept;

 private:
  friend TicketKeyRing merge(const TicketKeyRing&, std::span<const TicketKey>, WallSeconds,
                             const TicketKeyOptions&);
  std::vector<TicketKey> keys_;
  std::size_t current_ = 0;
};

/// Both sets of keys as of `now`. Whoever merges the same keys, in whatever order and parts, has the same
/// current key: the newest that is active, by generation, then by the time it became active, then by name. A
/// key stays until its last ticket has expired: lifetime + session_timeout after it became active; beyond
/// `kKeysMax` the oldest go. Keys are not taken that become active more than two lifetimes from now.
TicketKeyRing merge(const TicketKeyRing& ring, std::span<const TicketKey> more, WallSeconds now,
                    const TicketKeyOptions& options);

/// When the key after the newest one shall become active; `nullopt` while it is not yet time to make it.
std::optional<WallSeconds> next_active_at(const TicketKeyRing& ring, WallSeconds now,
                                          const TicketKeyOptions& options);

/// The ring in use. Every function may be called from any thread.
class TicketKeys {
 public:
  /// Starts with one fresh key, or with those of the secret. Throws `std::runtime_error` when OpenSSL has no
  /// randomness.
  TicketKeys(const TicketKeyOptions& options, WallSeconds now);

  /// Stays valid, and what it is, for as long as the caller holds it.
  std::shared_ptr<const TicketKeyRing> ring() const;
  /// Lets keys come and go with time, and makes the next one when it is time and `leads`. To be called every
  /// second or so by somebody. Without randomness it keeps the old key, whose age() then tells. Returns
  /// whether a key was made.
  bool renew(WallSeconds now, bool leads);
  /// Takes in what another member has. Returns whether any of it was new.
  bool add(std::span<const TicketKey> keys, WallSeconds now);
  /// The same in place of what there was, of which no ticket was sealed yet.
  void replace(std::span<const TicketKey> keys, WallSeconds now);
  /// Of the current key, since it became that.
  std::chrono::seconds age(WallSeconds now) const;

 private:
  std::uint64_t epoch_of(WallSeconds now) const noexcept;
  std::vector<TicketKey> derived(WallSeconds now) const;
  void use(TicketKeyRing ring);

  const TicketKeyOptions options_;
  mutable std::mutex mutex_;  // held to copy a pointer, and to make the next ring
  std::shared_ptr<const TicketKeyRing> ring_;
};

}  // namespace sluice::tls
