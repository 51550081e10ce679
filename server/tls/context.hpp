#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "base/handle.hpp"
#include "server/tls/secret.hpp"

/// The protocols, suites and certificates of an SSL_CTX. Sessions, and everything that lives beside it, are
/// Engine's.
namespace sluice::tls {

using Context = Handle<SSL_CTX, SSL_CTX_free>;

/// A client uses a TLS 1.3 ticket once and gets the next one with the resumption: a second one would only
/// cost.
inline constexpr std::size_t kTicketsPerHandshake = 1;

struct ContextOptions {
  /// PEM chains; one per key type, so ECDSA and RSA stand side by side.
  std::vector<std::string> certificates{};
  std::vector<std::string> private_keys{};  ///< PEM, in the order of `certificates`.
  bool only_tls13 = false;
  std::chrono::seconds session_timeout{12 * 3600};
  std::chrono::seconds ticket_key_lifetime{12 * 3600};  ///< See TicketKeyOptions.
  std::string member{};                                 ///< Name in the cluster; empty: none.
  SecretBytes ticket_secret{};                          ///< See TicketKeyOptions.
  std::uint64_t session_cache = 20'000;  ///< Entries, for TLS 1.2 clients with session IDs. 0: none.
};

/// TLS 1.2 and 1.3 with AEAD suites and (EC)DHE only; ALPN "http/1.1"; no renegotiation, no compression, no
/// early data (RFC 8446 section 8), no post-handshake authentication. Throws `std::runtime_error` with a
/// sentence that names the file.
Context make_context(const ContextOptions& options);

/// Newest message of OpenSSL's error queue of this thread, which it empties.
std::string take_openssl_error();

}  // namespace sluice::tls
