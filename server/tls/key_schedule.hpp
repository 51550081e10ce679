#pragma once
#include "server/tls/record_keys.hpp"

/// The key derivations of OpenSSL's handshakes, as a provider of its algorithms "TLS13-KDF" (RFC 8446
/// section 7.1) and "TLS1-PRF" (RFC 5246 section 5), see provider-kdf(7). OpenSSL's own fetch HMAC and digest
/// by name for each of some twenty secrets. And the only other way to learn the traffic secrets of TLS 1.3 is
/// the keylog, which prints five of them in hexadecimal by sprintf, byte by byte: 8 % of the instructions of
/// a handshake.
namespace sluice::tls {

/// For SSL_CTX_new_ex(3): prefers the algorithms below, and takes everything else from wherever it is.
inline constexpr const char* kKeyScheduleProperties = "?provider=sluice";

/// Makes them known to the default library context, once in a process. Throws `std::runtime_error` when
/// OpenSSL doesn't want them.
void provide_key_schedule();

/// What the records of one connection are protected with, as the handshake derived it.
struct TrafficSecrets {
  Secret<48> client{}, server{};  ///< TLS 1.3: of the first generation.
  bool has_client = false, has_server = false;
  Secret<kKeyBlockMax> key_block{};  ///< TLS 1.2.
  std::size_t key_block_size = 0;
};

/// While it lives, the traffic secrets that this thread derives go to `secrets`, too.
class SecretsTap {
 public:
  explicit SecretsTap(TrafficSecrets& secrets) noexcept;
  SecretsTap(const SecretsTap&) = delete;
  SecretsTap& operator=(const SecretsTap&) = delete;
  ~SecretsTap();
};

}  // namespace sluice::tls
