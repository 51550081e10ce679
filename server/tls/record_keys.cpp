#include "server/tls/record_keys.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>

#include "server/tls/algorithms.hpp"

namespace sluice::tls {

namespace {

constexpr std::array kSuites{
    Suite{0x1301, Protocol::tls13, Aead::aes_128_gcm, Hash::sha256},
    Suite{0x1302, Protocol::tls13, Aead::aes_256_gcm, Hash::sha384},
    Suite{0x1303, Protocol::tls13, Aead::chacha20_poly1305, Hash::sha256},
    Suite{0xc02b, Protocol::tls12, Aead::aes_128_gcm, Hash::sha256},        // ECDHE-ECDSA
    Suite{0xc02c, Protocol::tls12, Aead::aes_256_gcm, Hash::sha384},        //
    Suite{0xcca9, Protocol::tls12, Aead::chacha20_poly1305, Hash::sha256},  //
    Suite{0xc02f, Protocol::tls12, Aead::aes_128_gcm, Hash::sha256},        // ECDHE-RSA
    Suite{0xc030, Protocol::tls12, Aead::aes_256_gcm, Hash::sha384},        //
    Suite{0xcca8, Protocol::tls12, Aead::chacha20_poly1305, Hash::sha256},  //
};

/// Into an output that is no longer than the hash.
void expand_label(const Suite& suite, Bytes secret, std::string_view label, std::uint8_t* out,
                  std::size_t size) {
  const Algorithms::Label full{as_bytes("tls13 "), as_bytes(label)};
  if (!Algorithms::get().expand_label(suite.hash, secret, full, {}, out, size)) std::terminate();
}

}  // namespace

std::optional<Suite> suite_of(std::uint16_t id) noexcept {
  const auto* found =
      std::find_if(kSuites.begin(), kSuites.end(), [id](const Suite& s) { return s.id == id; });
  if (found == kSuites.end()) return std::nullopt;
  return *found;
}

RecordKeys keys_from_traffic_secret(const Suite& suite, Bytes secret) {
  RecordKeys keys{.suite = suite};
  std::copy(secret.begin(), secret.end(), keys.secret.data());
  expand_label(suite, secret, "key", keys.key.data(), suite.key_size());
  expand_label(suite, secret, "iv", keys.iv.data(), kAeadNonceSize);
  return keys;
}

RecordKeys next_generation(const RecordKeys& keys) {
  const Suite& suite = keys.suite;
  Secret<48> next;
  expand_label(suite, {keys.secret.data(), suite.hash_size()}, "traffic upd", next.data(), suite.hash_size());
  return keys_from_traffic_secret(suite, {next.data(), suite.hash_size()});
}

std::optional<RecordState> keys_from_key_block(const Suite& suite, Bytes block) {
  if (block.size() != 2 * (suite.key_size() + suite.iv_size())) return std::nullopt;
  RecordState state{.read = {.suite = suite, .sequence = 1}, .write = {.suite = suite, .sequence = 1}};
  const auto take = [&block](std::uint8_t* to, std::size_t size) {
    std::memcpy(to, block.data(), size);
    block = block.subspan(size);
  };
  take(state.read.key.data(), suite.key_size());
  take(state.write.key.data(), suite.key_size());
  take(state.read.iv.data(), suite.iv_size());
  take(state.write.iv.data(), suite.iv_size());
  return state;
}

std::array<std::uint8_t, kAeadNonceSize> nonce_of(const RecordKeys& keys,
                                                  std::uint64_t explicit_nonce) noexcept {
  std::array<std::uint8_t, kAeadNonceSize> nonce;
  std::memcpy(nonce.data(), keys.iv.data(), nonce.size());
  const bool is_explicit = keys.suite.explicit_nonce();
  const std::uint64_t number = is_explicit ? explicit_nonce : keys.sequence;
  for (std::size_t i = 0; i < 8; ++i) {
    const auto byte = static_cast<std::uint8_t>(number >> (56 - 8 * i));
    std::uint8_t& place = nonce[4 + i];
    place = is_explicit ? byte : static_cast<std::uint8_t>(place ^ byte);
  }
  return nonce;
}

}  // namespace sluice::tls
