#include "server/tls/algorithms.hpp"

#include <new>
#include <stdexcept>
#include <string>

#include <openssl/core_names.h>
#include <openssl/params.h>

namespace sluice::tls {

namespace {

constexpr std::array<const char*, static_cast<std::size_t>(Aead::count)> kCipherNames{
    "AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};

template <class Algorithm>
Algorithm need(Algorithm algorithm, const char* name) {
  if (!algorithm) throw std::runtime_error(std::string("OpenSSL lacks ") + name + ", which records need");
  return algorithm;
}

}  // namespace

const char* digest_name(Hash hash) noexcept { return hash == Hash::sha384 ? "SHA384" : "SHA256"; }

const Algorithms& Algorithms::get() {
  static const Algorithms algorithms;
  return algorithms;
}

Algorithms::Algorithms() {
  for (std::size_t i = 0; i < ciphers_.size(); ++i)
    ciphers_[i].reset(need(EVP_CIPHER_fetch(nullptr, kCipherNames[i], nullptr), kCipherNames[i]));
  tls12_prf_.reset(need(EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr), "TLS1-PRF"));
  const Handle<EVP_MAC, EVP_MAC_free> hmac{need(EVP_MAC_fetch(nullptr, "HMAC", nullptr), "HMAC")};
  for (std::size_t i = 0; i < hmacs_.size(); ++i) {
    std::string digest = digest_name(static_cast<Hash>(i));
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    hmacs_[i].reset(need(EVP_MAC_CTX_new(hmac.get()), "HMAC"));
    if (EVP_MAC_CTX_set_params(hmacs_[i].get(), parameters.data()) != 1)
      throw std::runtime_error("OpenSSL lacks " + digest);
    std::size_t size = 0;
    if (EVP_Q_digest(nullptr, digest.c_str(), nullptr, "", 0, nothing_[i].data(), &size) != 1)
      throw std::runtime_error("OpenSSL lacks " + digest);
  }
}

void Algorithms::hmac(Hash hash, Bytes key, Bytes data, std::uint8_t* out) const {
  const Handle<EVP_MAC_CTX, EVP_MAC_CTX_free> context{
      EVP_MAC_CTX_dup(hmacs_[static_cast<std::size_t>(hash)].get())};
  std::size_t size = 0;
  if (!context || EVP_MAC_init(context.get(), key.data(), key.size(), nullptr) != 1 ||
      EVP_MAC_update(context.get(), data.data(), data.size()) != 1 ||
      EVP_MAC_final(context.get(), out, &size, hash == Hash::sha384 ? 48 : 32) != 1)
    throw std::bad_alloc{};  // nothing else can be wrong with it
}

}  // namespace sluice::tls
