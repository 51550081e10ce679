#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "base/handle.hpp"

/// The server's SSL_CTX: one, shared by all processors, immutable once made.
namespace sluice::tls {

using Context = Handle<SSL_CTX, SSL_CTX_free>;

struct ContextOptions {
  std::vector<std::string>
      certificates;  ///< PEM chains; one per key type, so ECDSA and RSA stand side by side.
  std::vector<std::string> private_keys;  ///< PEM, in the order of `certificates`.
  bool only_tls13 = false;
  std::chrono::seconds session_timeout{12 * 3600};
  std::uint64_t session_cache = 20'000;  ///< Entries, for TLS 1.2 clients with session IDs. 0: none.
};

/// TLS 1.2 and 1.3 with AEAD suites and (EC)DHE only; ALPN "http/1.1"; tickets and session IDs; no
/// renegotiation, no compression, no early data (RFC 8446 section 8), no post-handshake authentication.
/// Throws `std::runtime_error` with a sentence that names the file.
Context make_context(const ContextOptions& options);

/// Newest message of OpenSSL's error queue of this thread, which it empties.
std::string take_openssl_error();

}  // namespace sluice::tls
