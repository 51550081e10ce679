#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "server/tls/secret.hpp"

/// Keys of session tickets (RFC 5077 section 4), renewed while the server runs. They live in memory only:
/// whoever has one reads every TLS 1.2 connection that was resumed from its tickets.
namespace sluice::tls {

struct TicketKey {
  std::array<std::uint8_t, 16> name{};  ///< In the clear at the front of every ticket.
  Secret<32> aes{};                     ///< AES-256-CBC.
  Secret<32> hmac{};                    ///< HMAC-SHA256.
  WallSeconds created_at{};
};

/// Fresh and random. Throws `std::runtime_error` when OpenSSL has no randomness.
TicketKey make_ticket_key(WallSeconds now);

struct TicketKeyOptions {
  std::chrono::seconds lifetime{12 * 3600};  ///< A key seals new tickets for so long.
  /// Longest life of a ticket. When it is more than `TicketKeyRing::kKeysMax - 1` lifetimes, the oldest
  /// tickets outlive their keys and end in a full handshake.
  std::chrono::seconds session_timeout{12 * 3600};
};

/// The key that seals new tickets, and older ones that still open theirs. Never empty, never changed.
class TicketKeyRing {
 public:
  static constexpr std::size_t kKeysMax = 16;

  explicit TicketKeyRing(const TicketKey& only) : keys_{only} {}

  const TicketKey& current() const noexcept { return keys_.front(); }
  /// Newest first.
  std::span<const TicketKey> keys() const noexcept { return keys_; }
  /// Null when no key has this name. Looks at every key, wherever the right one is.
  const TicketKey* find(Bytes name) const noexcept;

 private:
  friend TicketKeyRing rotate(const TicketKeyRing&, const TicketKey&, WallSeconds, const TicketKeyOptions&);
  std::vector<TicketKey> keys_;
};

/// `fresh` becomes the current key. Keys stay until they are older than lifetime + session_timeout, when the
/// last of their tickets has expired; beyond `kKeysMax` the oldest go.
TicketKeyRing rotate(const TicketKeyRing& ring, const TicketKey& fresh, WallSeconds now,
                     const TicketKeyOptions& options);

/// The ring in use. Every function may be called from any thread.
class TicketKeys {
 public:
  /// Starts with one fresh key. Throws `std::runtime_error` when OpenSSL has no randomness.
  TicketKeys(const TicketKeyOptions& options, WallSeconds now);

  /// Stays valid, and what it is, for as long as the caller holds it.
  std::shared_ptr<const TicketKeyRing> ring() const;
  /// Takes a fresh key when the current one has reached its lifetime; says whether it did. To be called every
  /// few seconds by somebody. Without randomness it keeps the old key, whose age() then tells.
  bool maybe_rotate(WallSeconds now);
  /// Of the current key.
  std::chrono::seconds age(WallSeconds now) const;

 private:
  const TicketKeyOptions options_;
  mutable std::mutex mutex_;  // held to copy a pointer, and by maybe_rotate() to make the next ring
  std::shared_ptr<const TicketKeyRing> ring_;
};

}  // namespace sluice::tls
