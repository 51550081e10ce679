#pragma once
#include <optional>
#include <string>
#include <string_view>

/// Passwords as they are stored: scrypt (RFC 7914), in the form `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, salt
/// and hash in base64 without padding. Slow and hungry for memory on purpose: not called on a processor's
/// thread unless the hash `is_quick`, see password_pool.hpp.
namespace sluice::auction::web {

struct ScryptCost {
  unsigned log2_n = 15;  ///< 1 to 20. Memory is 128 * r * 2^log2_n bytes: 32 MiB, some 60 ms.
  unsigned r = 8;        ///< 1 to 32.
  unsigned p = 1;        ///< 1 to 16.
  bool operator==(const ScryptCost&) const = default;
};

/// Largest memory a stored hash may ask for. A hash that asks for more is taken as a wrong one.
inline constexpr std::size_t kScryptMemoryMax = 256u << 20;
bool is_acceptable(const ScryptCost& cost) noexcept;

/// Takes some 60 us at most, as the hashes of demo users do, which `sluice populate` makes by the million.
bool is_quick(const ScryptCost& cost) noexcept;

/// Cost of a stored hash; `nullopt` when it isn't of the form above.
std::optional<ScryptCost> cost_of(std::string_view stored) noexcept;

/// With a fresh salt of 16 bytes. Throws std::runtime_error when OpenSSL fails (no memory).
std::string hash_password(std::string_view password, const ScryptCost& cost);
/// In constant time. False for whatever isn't a hash of an acceptable cost.
bool verify_password(std::string_view password, std::string_view stored);

}  // namespace sluice::auction::web
