#pragma once
#include <string>

#include <openssl/evp.h>

#include "base/handle.hpp"

/// Private keys that count what is done with them. This cannot be bypassed: OpenSSL has no other way to the
/// key.
namespace sluice::tls {

using PrivateKey = Handle<EVP_PKEY, EVP_PKEY_free>;

enum class KeyKind { ecdsa, rsa };

/// ECDSA P-256 or RSA-2048; what follows belongs together.
struct CountedKey {
  PrivateKey key{};
  std::string certificate_pem{};
  std::string key_pem{};  ///< The same key, which does not count.
};
CountedKey make_counted_key(KeyKind kind);

/// Signatures and decryptions with all counted keys of this process so far.
int private_key_operations() noexcept;

}  // namespace sluice::tls
