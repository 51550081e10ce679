#include "apps/auction/web/password.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <charconv>
#include <stdexcept>
#include <vector>

#include "apps/auction/web/secrets.hpp"
#include "base/handle.hpp"

namespace sluice::auction::web {

namespace {

using Kdf = Handle<EVP_KDF, EVP_KDF_free>;
using KdfContext = Handle<EVP_KDF_CTX, EVP_KDF_CTX_free>;

constexpr std::string_view kPrefix = "$scrypt$";
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;

struct Stored {
  ScryptCost cost;
  std::string salt, hash;
};

std::uint64_t memory_of(const ScryptCost& cost) noexcept {
  return (std::uint64_t{128} * cost.r) << cost.log2_n;
}

/// Takes `name` and a number of at most three digits off the front.
std::optional<unsigned> take_number(std::string_view& text, std::string_view name) noexcept {
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  unsigned value = 0;
  const char* end = text.data() + std::min<std::size_t>(text.size(), 3);
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return value;
}

std::optional<ScryptCost> take_cost(std::string_view& text) noexcept {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  const auto log2_n = take_number(text, "ln=");
  const auto r = take_number(text, ",r=");
  const auto p = take_number(text, ",p=");
  if (!log2_n || !r || !p || !text.starts_with('$')) return std::nullopt;
  text.remove_prefix(1);
  return ScryptCost{*log2_n, *r, *p};
}

std::optional<Stored> parsed(std::string_view text) {
  const auto cost = take_cost(text);
  const auto dollar = text.find('$');
  if (!cost || !is_acceptable(*cost) || dollar == std::string_view::npos) return std::nullopt;
  auto salt = from_base64(text.substr(0, dollar));
  auto hash = from_base64(text.substr(dollar + 1));
  if (!salt || salt->size() > 64 || !hash || hash->size() != kHashBytes) return std::nullopt;
  return Stored{*cost, std::move(*salt), std::move(*hash)};
}

std::string scrypt(std::string_view password, std::string_view salt, const ScryptCost& cost) {
  static const Kdf kdf{EVP_KDF_fetch(nullptr, "SCRYPT", nullptr)};
  const KdfContext context{EVP_KDF_CTX_new(kdf.get())};
  std::uint64_t n = std::uint64_t{1} << cost.log2_n;
  std::uint32_t r = cost.r, p = cost.p;
  std::uint64_t memory = 2 * kScryptMemoryMax;  // OpenSSL counts its own blocks as well
  // The parameters are only read; OSSL_PARAM has no const form.
  const auto octets = [](const char* name, std::string_view text) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(text.data()), text.size());
  };
  const std::array params{octets(OSSL_KDF_PARAM_PASSWORD, password),
                          octets(OSSL_KDF_PARAM_SALT, salt),
                          OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
                          OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
                          OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
                          OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
                          OSSL_PARAM_construct_end()};
  std::string key(kHashBytes, '\0');
  if (!context || EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(key.data()), key.size(),
                                 params.data()) != 1) {
    throw std::runtime_error("scrypt failed");
  }
  return key;
}

}  // namespace

bool is_acceptable(const ScryptCost& cost) noexcept {
  return cost.log2_n >= 1 && cost.log2_n <= 20 && cost.r >= 1 && cost.r <= 32 && cost.p >= 1 &&
         cost.p <= 16 && memory_of(cost) <= kScryptMemoryMax;
}

bool is_quick(const ScryptCost& cost) noexcept {
  constexpr std::uint64_t kMixedBytes = 16 << 10;  // measured: 2 ns a byte
  return is_acceptable(cost) && memory_of(cost) * cost.p <= kMixedBytes;
}

std::optional<ScryptCost> cost_of(std::string_view stored) noexcept { return take_cost(stored); }

std::string hash_password(std::string_view password, const ScryptCost& cost) {
  const std::string salt = random_bytes(kSaltBytes);
  const std::string hash = scrypt(password, salt, cost);
  return std::string{kPrefix} + "ln=" + std::to_string(cost.log2_n) + ",r=" + std::to_string(cost.r) +
         ",p=" + std::to_string(cost.p) + '$' + base64(salt) + '$' + base64(hash);
}

bool verify_password(std::string_view password, std::string_view stored) {
  const auto expected = parsed(stored);
  return expected && equal_in_constant_time(scrypt(password, expected->salt, expected->cost), expected->hash);
}

}  // namespace sluice::auction::web
