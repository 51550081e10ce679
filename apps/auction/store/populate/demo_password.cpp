#include "apps/auction/store/populate/demo_password.hpp"

#include <argon2.h>
#include <openssl/evp.h>

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

std::string demo_password_hash(std::string_view password, Random& salt_source) {
  std::array<unsigned char, kSaltSize> salt;
  for (std::size_t at = 0; at < kSaltSize; at += sizeof(std::uint64_t)) {
    const std::uint64_t number = salt_source.next();
    std::memcpy(salt.data() + at, &number, sizeof number);
  }
  std::array<unsigned char, kHashSize> hash;
  if (argon2id_hash_raw(1, 8, 1, password.data(), password.size(), salt.data(), salt.size(), hash.data(),
                        hash.size()) != ARGON2_OK)
    throw std::runtime_error("no memory to hash a password");
  return "$argon2id$v=19$m=8,t=1,p=1$" + base64(salt) + '$' + base64(hash);
}

}  // namespace sluice::auction::population
