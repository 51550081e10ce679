#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "server/tls/secret.hpp"

/// What protects the records of one direction of a connection, without OpenSSL's `SSL`: the TLS part of the
/// SESS_OBJ of Hatsugai & Saito (AINA 2007, section 3), with what AEAD suites and TLS 1.3 add to it. Values
/// only; no socket, no clock.
namespace sluice::tls {

enum class Protocol : std::uint8_t { tls12, tls13 };
enum class Aead : std::uint8_t { aes_128_gcm, aes_256_gcm, chacha20_poly1305, count };
enum class Hash : std::uint8_t { sha256, sha384, count };

constexpr std::size_t size_of(Hash hash) noexcept { return hash == Hash::sha384 ? 48 : 32; }

inline constexpr std::size_t kAeadTagSize = 16;
inline constexpr std::size_t kAeadNonceSize = 12;
inline constexpr std::size_t kGcmSaltSize = 4;           ///< Of TLS 1.2, RFC 5288 section 3.
inline constexpr std::size_t kGcmExplicitNonceSize = 8;  ///< The same.

/// Two keys and two IVs.
inline constexpr std::size_t kKeyBlockMax = 2 * (32 + kAeadNonceSize);

struct Suite {
  std::uint16_t id = 0;  ///< As in the hello.
  Protocol protocol = Protocol::tls13;
  Aead aead = Aead::aes_128_gcm;
  Hash hash = Hash::sha256;
  bool operator==(const Suite&) const = default;

  std::size_t key_size() const noexcept { return aead == Aead::aes_128_gcm ? 16 : 32; }
  std::size_t hash_size() const noexcept { return size_of(hash); }
  bool tls13() const noexcept { return protocol == Protocol::tls13; }
  /// TLS 1.2 sends a part of the nonce with each record of AES-GCM (RFC 5288); ChaCha20 (RFC 7905) and
  /// TLS 1.3 make it from the sequence number.
  bool explicit_nonce() const noexcept { return !tls13() && aead != Aead::chacha20_poly1305; }
  /// Of the IV that TLS 1.2 derives.
  std::size_t iv_size() const noexcept { return explicit_nonce() ? kGcmSaltSize : kAeadNonceSize; }
  /// Bytes by which a record is longer than what is in it, header included.
  std::size_t overhead() const noexcept {
    return 5 + (explicit_nonce() ? kGcmExplicitNonceSize : 0) + (tls13() ? 1 : 0) + kAeadTagSize;
  }
};

/// `nullopt` for suites without AEAD, which this server does not negotiate.
std::optional<Suite> suite_of(std::uint16_t id) noexcept;

/// One direction. Copies hold the same keys: only one of them may seal.
struct RecordKeys {
  Suite suite{};
  Secret<48> secret{};               ///< TLS 1.3: the traffic secret of this generation, as long as the hash.
  Secret<32> key{};                  ///< As long as the suite says.
  Secret<kAeadNonceSize> iv{};       ///< AES-GCM in TLS 1.2: four bytes of salt.
  std::uint64_t sequence = 0;        ///< Of the next record.
  std::uint64_t explicit_nonce = 0;  ///< Of the next record to be sent, where TLS 1.2 has one.
};

/// Both directions, as the server sees them.
struct RecordState {
  RecordKeys read{}, write{};
};

/// TLS 1.3 (RFC 8446 section 7.3): key and IV of a traffic secret, which must be as long as the suite's hash;
/// the sequence begins at 0.
RecordKeys keys_from_traffic_secret(const Suite& suite, Bytes secret);
/// TLS 1.3 (RFC 8446 section 7.2): the next generation, after a KeyUpdate.
RecordKeys next_generation(const RecordKeys& keys);
/// TLS 1.2 (RFC 5246 section 6.3): `nullopt` when the block has another size than the suite needs. Sequences
/// stand behind the Finished messages, which took number 0; the explicit nonce is the caller's to continue.
std::optional<RecordState> keys_from_key_block(const Suite& suite, Bytes block);

/// The nonce of a record: for AES-GCM in TLS 1.2 salt and `explicit_nonce`, else IV xor sequence number.
std::array<std::uint8_t, kAeadNonceSize> nonce_of(const RecordKeys& keys,
                                                  std::uint64_t explicit_nonce) noexcept;

}  // namespace sluice::tls
