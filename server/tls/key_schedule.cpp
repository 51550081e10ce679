#include "server/tls/key_schedule.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string_view>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "server/tls/algorithms.hpp"

namespace sluice::tls {

namespace {

thread_local TrafficSecrets* tapped = nullptr;

constexpr std::size_t kHashMax = 48;

/// What a derivation is told.
struct Order {
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  Hash hash = Hash::sha256;
  bool known_hash = false;
  Bytes key{}, salt{}, prefix{}, label{}, data{};  // TLS 1.3
  Bytes secret{};                                  // TLS 1.2
  std::array<std::uint8_t, 256> seed{};            // label and seeds, one behind the other
  std::size_t seed_size = 0;
  bool fits = true;

  std::size_t hash_size() const noexcept { return size_of(hash); }
  void add_seed(Bytes bytes) noexcept {
    fits = fits && bytes.size() <= seed.size() - seed_size;
    if (!fits || bytes.empty()) return;
    std::memcpy(seed.data() + seed_size, bytes.data(), bytes.size());
    seed_size += bytes.size();
  }
};

std::string_view text_of(const OSSL_PARAM& parameter) noexcept {
  return {static_cast<const char*>(parameter.data), ::strnlen(static_cast<const char*>(parameter.data), 32)};
}

Order order_of(const OSSL_PARAM* parameters) noexcept {
  Order order;
  for (; parameters != nullptr && parameters->key != nullptr; ++parameters) {
    const std::string_view key = parameters->key;
    const Bytes bytes{static_cast<const std::uint8_t*>(parameters->data), parameters->data_size};
    if (key == OSSL_KDF_PARAM_MODE) OSSL_PARAM_get_int(parameters, &order.mode);
    if (key == OSSL_KDF_PARAM_KEY) order.key = bytes;
    if (key == OSSL_KDF_PARAM_SALT) order.salt = bytes;
    if (key == OSSL_KDF_PARAM_PREFIX) order.prefix = bytes;
    if (key == OSSL_KDF_PARAM_LABEL) order.label = bytes;
    if (key == OSSL_KDF_PARAM_DATA) order.data = bytes;
    if (key == OSSL_KDF_PARAM_SECRET) order.secret = bytes;
    if (key == OSSL_KDF_PARAM_SEED) order.add_seed(bytes);
    if (key != OSSL_KDF_PARAM_DIGEST) continue;
    const std::string_view name = text_of(*parameters);
    order.hash = name.ends_with("384") ? Hash::sha384 : Hash::sha256;
    order.known_hash = name == "SHA2-256" || name == "SHA256" || name == "SHA2-384" || name == "SHA384";
  }
  return order;
}

bool expand(const Order& order, Bytes secret, Bytes context, std::uint8_t* out, std::size_t size) {
  return Algorithms::get().expand_label(order.hash, secret, {order.prefix, order.label}, context, out, size);
}

void tell(const Order& order, const std::uint8_t* out, std::size_t size) noexcept {
  if (tapped == nullptr || size != order.hash_size()) return;
  const std::string_view label{reinterpret_cast<const char*>(order.label.data()), order.label.size()};
  const bool client = label == "c ap traffic";
  if (!client && label != "s ap traffic") return;
  std::memcpy(client ? tapped->client.data() : tapped->server.data(), out, size);
  (client ? tapped->has_client : tapped->has_server) = true;
}

/// Extract with the salt that Derive-Secret(previous, "derived", "") gives; the first has none.
bool extract(const Order& order, std::uint8_t* out, std::size_t size) {
  static constexpr std::array<std::uint8_t, kHashMax> kZeros{};
  if (size != order.hash_size()) return false;
  const Bytes input = order.key.empty() ? Bytes{kZeros.data(), size} : order.key;
  Secret<kHashMax> salt;
  if (order.salt.empty()) {  // a key of no bytes is one of zeros to HMAC
    Algorithms::get().hmac(order.hash, {salt.data(), size}, input, out);
    return true;
  }
  const Bytes nothing = Algorithms::get().digest_of_nothing(order.hash);
  if (!expand(order, order.salt, nothing, salt.data(), size)) return false;
  Algorithms::get().hmac(order.hash, {salt.data(), size}, input, out);
  return true;
}

/// P_hash (RFC 5246 section 5): HMAC(secret, A(i) + seed) one behind the other, A(0) being the seed.
void expand_tls12(const Order& order, std::uint8_t* out, std::size_t size) {
  const Algorithms& algorithms = Algorithms::get();
  const std::size_t hash = order.hash_size();
  Secret<kHashMax + sizeof order.seed> chain;  // A(i), and the seed behind it
  Secret<kHashMax> block;
  std::memcpy(chain.data() + hash, order.seed.data(), order.seed_size);
  Bytes before{order.seed.data(), order.seed_size};
  for (std::size_t done = 0; done < size; done += hash) {
    algorithms.hmac(order.hash, order.secret, before, block.data());
    std::memcpy(chain.data(), block.data(), hash);
    before = {chain.data(), hash};
    algorithms.hmac(order.hash, order.secret, {chain.data(), hash + order.seed_size}, block.data());
    std::memcpy(out + done, block.data(), std::min(hash, size - done));
  }
}

void tell_tls12(const Order& order, const std::uint8_t* out, std::size_t size) noexcept {
  static constexpr std::string_view kLabel = "key expansion";
  const std::string_view seed{reinterpret_cast<const char*>(order.seed.data()), order.seed_size};
  if (tapped == nullptr || size > tapped->key_block.size() || !seed.starts_with(kLabel)) return;
  std::memcpy(tapped->key_block.data(), out, size);
  tapped->key_block_size = size;
}

int derive_tls12(void*, unsigned char* out, std::size_t size, const OSSL_PARAM* parameters) noexcept try {
  const Order order = order_of(parameters);
  if (!order.known_hash || !order.fits) return 0;
  expand_tls12(order, out, size);
  tell_tls12(order, out, size);
  return 1;
} catch (const std::exception&) {
  return 0;
}

int derive_tls13(void*, unsigned char* out, std::size_t size, const OSSL_PARAM* parameters) noexcept try {
  const Order order = order_of(parameters);
  if (!order.known_hash) return 0;
  if (order.mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY) return extract(order, out, size) ? 1 : 0;
  if (order.mode != EVP_KDF_HKDF_MODE_EXPAND_ONLY || !expand(order, order.key, order.data, out, size))
    return 0;
  tell(order, out, size);
  return 1;
} catch (const std::exception&) {
  return 0;
}

// What OpenSSL wants of a provider. There is no state: all is said in derive().
void* new_context(void*) noexcept {
  static int nothing = 0;
  return &nothing;
}
void free_context(void*) noexcept {}

using Function = void (*)();
template <class F>
constexpr Function plain(F* function) noexcept {
  return reinterpret_cast<Function>(function);
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) noexcept {
  using Dispatch = std::array<OSSL_DISPATCH, 4>;
  static const Dispatch tls13{{{OSSL_FUNC_KDF_NEWCTX, plain(new_context)},
                               {OSSL_FUNC_KDF_FREECTX, plain(free_context)},
                               {OSSL_FUNC_KDF_DERIVE, plain(derive_tls13)},
                               {0, nullptr}}};
  static const Dispatch tls12{{{OSSL_FUNC_KDF_NEWCTX, plain(new_context)},
                               {OSSL_FUNC_KDF_FREECTX, plain(free_context)},
                               {OSSL_FUNC_KDF_DERIVE, plain(derive_tls12)},
                               {0, nullptr}}};
  static const std::array<OSSL_ALGORITHM, 3> algorithms{
      {{"TLS13-KDF", "provider=sluice", tls13.data(), nullptr},
       {"TLS1-PRF", "provider=sluice", tls12.data(), nullptr},
       {nullptr, nullptr, nullptr, nullptr}}};
  *no_cache = 0;
  return operation == OSSL_OP_KDF ? algorithms.data() : nullptr;
}

int initialize(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
               void** context) noexcept {
  static const std::array<OSSL_DISPATCH, 2> functions{
      {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, plain(query)}, {0, nullptr}}};
  static int self = 0;
  *out = functions.data();
  *context = &self;
  return 1;
}

}  // namespace

void provide_key_schedule() {
  Algorithms::get();
  using Provider = Handle<OSSL_PROVIDER, OSSL_PROVIDER_unload>;
  // Who loads one provider by hand has to load the default one, too.
  static const Provider standard{OSSL_PROVIDER_load(nullptr, "default")};
  static const bool added = OSSL_PROVIDER_add_builtin(nullptr, "sluice", initialize) == 1;
  static const Provider ours{added ? OSSL_PROVIDER_load(nullptr, "sluice") : nullptr};
  if (!standard || !ours) throw std::runtime_error("OpenSSL does not take the key schedule's provider");
}

SecretsTap::SecretsTap(TrafficSecrets& secrets) noexcept { tapped = &secrets; }
SecretsTap::~SecretsTap() { tapped = nullptr; }

}  // namespace sluice::tls
