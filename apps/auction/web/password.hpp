#pragma once
#include <optional>
#include <string>
#include <string_view>

/// Passwords as they are stored: Argon2id (RFC 9106), version 1.3 with one lane, in the form
/// `$argon2id$v=19$m=7168,t=5,p=1$<salt>$<hash>`, salt and hash in base64 without padding. Slow and hungry
/// for memory on purpose: not called on a processor's thread unless the hash `is_quick`, see
/// password_pool.hpp.
namespace sluice::auction::web {

/// The default takes some 16 ms. It is one of five that OWASP's Password Storage Cheat Sheet calls
/// equivalent, and the one that fits into a processor's cache: how long it takes depends least on what else
/// the machine does.
struct PasswordCost {
  unsigned memory_kib = 7168;
  unsigned passes = 5;
  bool operator==(const PasswordCost&) const = default;
};

/// The most a stored hash may ask for. One that asks for more is taken as a wrong one.
inline constexpr PasswordCost kCostMax{.memory_kib = 256 * 1024, .passes = 32};
/// And the least there is, for hashes that protect nothing.
inline constexpr PasswordCost kCostMin{.memory_kib = 8, .passes = 1};
bool is_acceptable(const PasswordCost& cost) noexcept;

/// Takes some 30 us at most, as the hashes of demo users do, which `sluice populate` makes by the million.
bool is_quick(const PasswordCost& cost) noexcept;

/// Cost of a stored hash; `nullopt` when it isn't of the form above.
std::optional<PasswordCost> cost_of(std::string_view stored) noexcept;

/// With a fresh salt of 16 bytes. Throws std::runtime_error when there is no memory for it.
std::string hash_password(std::string_view password, const PasswordCost& cost);
/// In constant time. False for whatever isn't a hash of an acceptable cost.
bool verify_password(std::string_view password, std::string_view stored);

}  // namespace sluice::auction::web
