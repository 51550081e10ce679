#include "apps/auction/web/password.hpp"

#include <argon2.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "apps/auction/web/secrets.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::string_view kPrefix = "$argon2id$v=19$";
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;

struct Stored {
  PasswordCost cost;
  std::string salt, hash;
};

/// Takes `name` and a number of at most six digits off the front.
std::optional<unsigned> take_number(std::string_view& text, std::string_view name) noexcept {
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  unsigned value = 0;
  const char* end = text.data() + std::min<std::size_t>(text.size(), 6);
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return value;
}

std::optional<PasswordCost> take_cost(std::string_view& text) noexcept {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  const auto memory = take_number(text, "m=");
  const auto passes = take_number(text, ",t=");
  const auto lanes = take_number(text, ",p=");
  if (!memory || !passes || lanes != 1U || !text.starts_with('$')) return std::nullopt;
  text.remove_prefix(1);
  return PasswordCost{*memory, *passes};
}

std::optional<Stored> parsed(std::string_view text) {
  const auto cost = take_cost(text);
  const auto dollar = text.find('$');
  if (!cost || !is_acceptable(*cost) || dollar == std::string_view::npos) return std::nullopt;
  auto salt = from_base64(text.substr(0, dollar));
  auto hash = from_base64(text.substr(dollar + 1));
  if (!salt || salt->size() < 8 || salt->size() > 64 || !hash || hash->size() != kHashBytes)
    return std::nullopt;
  return Stored{*cost, std::move(*salt), std::move(*hash)};
}

std::string argon2id(std::string_view password, std::string_view salt, const PasswordCost& cost) {
  std::string key(kHashBytes, '\0');
  if (argon2id_hash_raw(cost.passes, cost.memory_kib, 1, password.data(), password.size(), salt.data(),
                        salt.size(), key.data(), key.size()) != ARGON2_OK)
    throw std::runtime_error("no memory to hash a password");
  return key;
}

}  // namespace

bool is_acceptable(const PasswordCost& cost) noexcept {
  return cost.memory_kib >= kCostMin.memory_kib && cost.memory_kib <= kCostMax.memory_kib &&
         cost.passes >= kCostMin.passes && cost.passes <= kCostMax.passes;
}

bool is_quick(const PasswordCost& cost) noexcept {
  constexpr unsigned kMixedKib = 16;  // measured: some 2 us each
  return is_acceptable(cost) && cost.memory_kib * cost.passes <= kMixedKib;
}

std::optional<PasswordCost> cost_of(std::string_view stored) noexcept { return take_cost(stored); }

std::string hash_password(std::string_view password, const PasswordCost& cost) {
  const std::string salt = random_bytes(kSaltBytes);
  const std::string hash = argon2id(password, salt, cost);
  return std::string{kPrefix} + "m=" + std::to_string(cost.memory_kib) + ",t=" + std::to_string(cost.passes) +
         ",p=1$" + base64(salt) + '$' + base64(hash);
}

bool verify_password(std::string_view password, std::string_view stored) {
  const auto expected = parsed(stored);
  return expected &&
         equal_in_constant_time(argon2id(password, expected->salt, expected->cost), expected->hash);
}

}  // namespace sluice::auction::web
