#pragma once
#include <string>
#include <string_view>

#include "apps/auction/store/populate/random.hpp"

namespace sluice::auction::population {

/// Hash of a public password of a populated user ("password17"), in the format that accounts use:
/// `$argon2id$v=19$m=8,t=1,p=1$<salt>$<hash>`, base64 without padding. The cheapest cost Argon2 has: there is
/// nothing to protect, and a million of them have to be made. A changed password gets the real cost. Throws
/// std::runtime_error when there is no memory.
std::string demo_password_hash(std::string_view password, Random& salt_source);

}  // namespace sluice::auction::population
