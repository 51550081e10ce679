#pragma once
#include <cstddef>
#include <optional>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "admission/session_record.hpp"
#include "base/bytes.hpp"
#include "base/handle.hpp"
#include "server/tls/secret.hpp"
#include "server/tls/ticket_keys.hpp"

/// Tickets in OpenSSL's own form, which is that of RFC 5077 section 4 without the length:
///
///     key_name[16]  iv[16]  AES-256-CBC(SSL_SESSION in DER)  HMAC-SHA256(all before)[32]
///
/// The admission record is the session's application data. No clock, no socket.
namespace sluice::tls {

using Session = Handle<SSL_SESSION, SSL_SESSION_free>;

inline constexpr std::size_t kTicketNameSize = 16;
inline constexpr std::size_t kTicketIvSize = 16;
inline constexpr std::size_t kTicketMacSize = 32;
inline constexpr std::size_t kTicketBlockSize = 16;
inline constexpr std::size_t kTicketMin = kTicketNameSize + kTicketIvSize + kTicketBlockSize + kTicketMacSize;

/// The algorithm, fetched once. Immutable, for any thread.
class TicketCodec {
 public:
  /// Throws `std::runtime_error` when OpenSSL lacks one.
  TicketCodec();

  /// Readies the contexts that OpenSSL then seals or opens a ticket with
  /// (SSL_CTX_set_tlsext_ticket_key_cb(3)).
  bool start_sealing(const TicketKey& key, Bytes iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) const noexcept;
  bool start_opening(const TicketKey& key, Bytes iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) const noexcept;

  /// The session in DER that a ticket holds; `nullopt` unless this key sealed it and not a bit has changed.
  /// Nothing is decrypted before the MAC is right.
  std::optional<SecretBytes> open(const TicketKey& key, Bytes ticket) const;

 private:
  Handle<EVP_CIPHER, EVP_CIPHER_free> cipher_;
};

/// The key that a ticket names, if it is in the ring; null as well when this is no ticket by its size.
const TicketKey* key_named(const TicketKeyRing& ring, Bytes ticket) noexcept;

/// Null unless `der` is one whole session.
Session parse_session(Bytes der) noexcept;
/// Empty when it can't be written.
SecretBytes serialize_session(SSL_SESSION& session);

/// The admission record in a session; `nullopt` when there is none.
std::optional<admission::SessionRecord> record_in(SSL_SESSION& session) noexcept;
/// `nullopt` takes out what is there. False when memory is short.
bool set_record(SSL_SESSION& session, const std::optional<admission::SessionRecord>& record) noexcept;

}  // namespace sluice::tls
