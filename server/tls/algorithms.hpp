#pragma once
#include <array>

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "base/handle.hpp"
#include "server/tls/record_keys.hpp"

/// OpenSSL's algorithms by our names, fetched once: a fetch by name costs more than a small record.
namespace sluice::tls {

class Algorithms {
 public:
  /// Throws `std::runtime_error` when OpenSSL lacks one.
  static const Algorithms& get();

  const EVP_CIPHER* cipher(Aead aead) const noexcept {
    return ciphers_[static_cast<std::size_t>(aead)].get();
  }
  EVP_KDF* tls12_prf() const noexcept { return tls12_prf_.get(); }
  /// Of no bytes at all.
  Bytes digest_of_nothing(Hash hash) const noexcept {
    return {nothing_[static_cast<std::size_t>(hash)].data(), hash == Hash::sha384 ? 48U : 32U};
  }
  /// HMAC(key, data), `hash`'s size long.
  void hmac(Hash hash, Bytes key, Bytes data, std::uint8_t* out) const;

 private:
  Algorithms();

  std::array<Handle<EVP_CIPHER, EVP_CIPHER_free>, static_cast<std::size_t>(Aead::count)> ciphers_;
  Handle<EVP_KDF, EVP_KDF_free> tls12_prf_;
  std::array<std::array<std::uint8_t, 48>, static_cast<std::size_t>(Hash::count)> nothing_{};
  /// With the digest set and no key: copied, not used.
  std::array<Handle<EVP_MAC_CTX, EVP_MAC_CTX_free>, static_cast<std::size_t>(Hash::count)> hmacs_;
};

/// As OpenSSL spells it.
const char* digest_name(Hash hash) noexcept;

}  // namespace sluice::tls
