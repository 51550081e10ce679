#pragma once
#include <array>

#include <openssl/evp.h>

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
  /// HMAC(key, data) (RFC 2104), as long as the hash. Throws `std::bad_alloc`.
  void hmac(Hash hash, Bytes key, Bytes data, std::uint8_t* out) const;
  /// Of HKDF-Expand-Label; the prefix of TLS 1.3 is "tls13 ".
  struct Label {
    Bytes prefix, name;
  };
  /// HKDF-Expand-Label (RFC 8446 section 7.1) for outputs no longer than the hash, which need one block of
  /// HKDF-Expand (RFC 5869 section 2.3). False when something does not fit. Throws `std::bad_alloc`.
  bool expand_label(Hash hash, Bytes secret, Label label, Bytes context, std::uint8_t* out,
                    std::size_t size) const;
  /// The digest of no bytes at all.
  Bytes digest_of_nothing(Hash hash) const noexcept;

 private:
  Algorithms();

  template <class Enum, class T>
  using PerEnum = std::array<T, static_cast<std::size_t>(Enum::count)>;

  PerEnum<Aead, Handle<EVP_CIPHER, EVP_CIPHER_free>> ciphers_;
  PerEnum<Hash, Handle<EVP_MD, EVP_MD_free>> digests_;
  PerEnum<Hash, std::array<std::uint8_t, 48>> of_nothing_{};
};

}  // namespace sluice::tls
