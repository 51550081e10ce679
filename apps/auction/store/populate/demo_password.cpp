#include "apps/auction/store/populate/demo_password.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace sluice::auction::population {

namespace {

constexpr std::size_t kSaltSize = 16, kHashSize = 32;

template <std::size_t N>
std::string base64(const std::array<unsigned char, N>& bytes) {
  std::array<unsigned char, (N + 2) / 3 * 4 + 1> text{};
  EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(N));
  return {reinterpret_cast<const char*>(text.data()), (N * 4 + 2) / 3};  // without padding
}

}  // namespace

DemoPasswords::DemoPasswords() {
  const Handle<EVP_KDF, EVP_KDF_free> scrypt{EVP_KDF_fetch(nullptr, "SCRYPT", nullptr)};
  if (scrypt) context_.reset(EVP_KDF_CTX_new(scrypt.get()));
  if (!context_) throw std::runtime_error("OpenSSL has no scrypt");
}

std::string DemoPasswords::hash(std::string_view password, Random& salt_source) {
  std::array<unsigned char, kSaltSize> salt;
  for (std::size_t at = 0; at < kSaltSize; at += sizeof(std::uint64_t)) {
    const std::uint64_t number = salt_source.next();
    std::memcpy(salt.data() + at, &number, sizeof number);
  }
  std::uint64_t n = 2;
  std::uint32_t r = 1, p = 1;
  const std::array params{OSSL_PARAM_construct_octet_string(
                              OSSL_KDF_PARAM_PASSWORD, const_cast<char*>(password.data()), password.size()),
                          OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
                          OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
                          OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
                          OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
                          OSSL_PARAM_construct_end()};
  std::array<unsigned char, kHashSize> hash;
  if (EVP_KDF_derive(context_.get(), hash.data(), hash.size(), params.data()) != 1) {
    throw std::runtime_error("scrypt failed");
  }
  return "$scrypt$ln=1,r=1,p=1$" + base64(salt) + '$' + base64(hash);
}

}  // namespace sluice::auction::population
