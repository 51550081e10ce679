#pragma once
#include <openssl/ssl.h>

#include "server/tls/tls_stream.hpp"

namespace sluice::tls {

/// What a function of OpenSSL that returned `result`, 1 for success, means. Set errno to 0 before calling it.
/// Empties this thread's error queue, which the next connection shares.
Step outcome_of(SSL& ssl, int result) noexcept;

}  // namespace sluice::tls
