#pragma once
#include <openssl/ssl.h>

#include "base/handle.hpp"
#include "loadgen/options.hpp"

/// OpenSSL as a client.
namespace sluice::loadgen {

using TlsContext = Handle<SSL_CTX, SSL_CTX_free>;
using TlsConnection = Handle<SSL, SSL_free>;
using TlsSession = Handle<SSL_SESSION, SSL_SESSION_free>;

/// Versions, ciphers, groups, trust, ALPN http/1.1; buffers are given back when idle; no session cache of its
/// own. `tickets` off: session IDs only. Throws UsageError for ciphers or groups that don't exist, RunError
/// for a CA file that can't be read.
TlsContext make_client_context(const TlsOptions& options, bool tickets);
/// A connection object for the target, with SNI and the name to verify; without a socket.
TlsConnection make_connection(SSL_CTX* context, const Options& options);
/// Texts of OpenSSL's error queue, which is emptied.
std::string take_tls_errors();

}  // namespace sluice::loadgen
