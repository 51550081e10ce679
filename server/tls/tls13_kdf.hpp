#pragma once
#include "server/tls/key_export.hpp"

/// The key schedule of TLS 1.3 (RFC 8446 section 7.1) for OpenSSL's handshakes, as a provider of its
/// algorithm "TLS13-KDF" (provider-kdf(7)). OpenSSL's own fetches HMAC and digest by name for each of the
/// twenty secrets of a handshake; and the only other way to learn the traffic secrets, the keylog, prints
/// five of them in hexadecimal by sprintf, byte by byte. Together these take a sixth of a handshake's
/// instructions.
namespace sluice::tls {

/// For SSL_CTX_new_ex(3): prefers the algorithm below, and takes everything else from wherever it is.
inline constexpr const char* kKdfProperties = "?provider=sluice";

/// Makes it known to the default library context, once in a process. Throws `std::runtime_error` when OpenSSL
/// doesn't want it.
void provide_tls13_kdf();

/// While it lives, the traffic secrets that this thread derives go to `secrets`, too.
class SecretsTap {
 public:
  explicit SecretsTap(TrafficSecrets& secrets) noexcept;
  SecretsTap(const SecretsTap&) = delete;
  SecretsTap& operator=(const SecretsTap&) = delete;
  ~SecretsTap();
};

}  // namespace sluice::tls
