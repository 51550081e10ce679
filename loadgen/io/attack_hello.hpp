#pragma once
#include <chrono>
#include <string>

#include "base/random.hpp"
#include "loadgen/io/tls.hpp"

/// Sessions nobody should honour, and hellos in bytes. Memory only, no sockets. What OpenSSL fails to do
/// gives an empty handle or string.
namespace sluice::loadgen {

/// A TLS 1.2 session that no server issued: random ID of 32 bytes, random secret, a cipher `context` offers.
TlsSession invent_session(SSL_CTX* context, Random& random);

/// A genuine ticket, and what is made of it. Each function gives a session of its own: OpenSSL marks the one
/// of a failed connection as not to be resumed.
class GenuineTicket {
 public:
  GenuineTicket() = default;
  /// `session` has a ticket, else this is as good as empty.
  explicit GenuineTicket(const SSL_SESSION* session);

  explicit operator bool() const noexcept { return session_ != nullptr; }
  /// How long the server says it honours it (RFC 8446 section 4.6.1, RFC 5077 section 3.3); two hours where
  /// it doesn't say.
  std::chrono::seconds lifetime() const noexcept;
  TlsSession copy() const;
  /// One byte changed in the last third of the ticket: behind the key's name and the IV, in the last part of
  /// the secret state or in its MAC.
  TlsSession forged(Random& random) const;
  /// The ticket with another secret.
  TlsSession without_secret(Random& random) const;

 private:
  TlsSession session_;
  std::string der_;            // of session_
  std::size_t ticket_at_ = 0;  // offset in der_
  std::size_t ticket_size_ = 0;
};

/// The first flight of `tls` as bytes. `tls` has no socket, and can't be used afterwards.
std::string first_flight(TlsConnection tls, SSL_SESSION* offered = nullptr);

}  // namespace sluice::loadgen
