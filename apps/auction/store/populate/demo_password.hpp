#pragma once
#include <openssl/kdf.h>

#include <string>
#include <string_view>

#include "apps/auction/store/populate/random.hpp"
#include "base/handle.hpp"

namespace sluice::auction::population {

/// Hashes the public passwords of populated users ("password17"), in the format that accounts use:
/// `$scrypt$ln=1,r=1,p=1$<salt>$<hash>`, base64 without padding. The cheapest cost scrypt has: there is
/// nothing to protect, and a million of them have to be made. A changed password gets the real cost.
class DemoPasswords {
 public:
  /// Throws std::runtime_error when OpenSSL has no scrypt.
  DemoPasswords();
  std::string hash(std::string_view password, Random& salt_source);

 private:
  Handle<EVP_KDF_CTX, EVP_KDF_CTX_free> context_;
};

}  // namespace sluice::auction::population
