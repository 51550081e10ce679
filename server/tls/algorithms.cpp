#include "server/tls/algorithms.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>

namespace sluice::tls {

namespace {

constexpr std::array kCipherNames{"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};
constexpr std::array kDigestNames{"SHA256", "SHA384"};

template <class Algorithm>
Algorithm need(Algorithm algorithm, const char* name) {
  if (!algorithm) throw std::runtime_error(std::string("OpenSSL lacks ") + name + ", which TLS needs");
  return algorithm;
}

constexpr std::size_t block_size_of(Hash hash) noexcept { return hash == Hash::sha384 ? 128 : 64; }
constexpr std::size_t kBlockMax = 128;

/// Of this thread, so that a digest allocates nothing.
EVP_MD_CTX* context_of(Hash hash, const EVP_MD* digest) {
  thread_local std::array<Handle<EVP_MD_CTX, EVP_MD_CTX_free>, static_cast<std::size_t>(Hash::count)>
      contexts;
  auto& context = contexts[static_cast<std::size_t>(hash)];
  if (!context) {
    context.reset(EVP_MD_CTX_new());
    if (!context || EVP_DigestInit_ex2(context.get(), digest, nullptr) != 1) throw std::bad_alloc{};
  }
  return context.get();
}

/// digest(first + second), from a context that is at its start; leaves it there, without a trace of the data.
bool digest_both(EVP_MD_CTX* context, Bytes first, Bytes second, std::uint8_t* out) noexcept {
  unsigned size = 0;
  return EVP_DigestUpdate(context, first.data(), first.size()) == 1 &&
         EVP_DigestUpdate(context, second.data(), second.size()) == 1 &&
         EVP_DigestFinal_ex(context, out, &size) == 1 && EVP_DigestInit_ex2(context, nullptr, nullptr) == 1;
}

}  // namespace

const Algorithms& Algorithms::get() {
  static const Algorithms algorithms;
  return algorithms;
}

Algorithms::Algorithms() {
  for (std::size_t i = 0; i < ciphers_.size(); ++i)
    ciphers_[i].reset(need(EVP_CIPHER_fetch(nullptr, kCipherNames[i], nullptr), kCipherNames[i]));
  for (std::size_t i = 0; i < digests_.size(); ++i) {
    digests_[i].reset(need(EVP_MD_fetch(nullptr, kDigestNames[i], nullptr), kDigestNames[i]));
    unsigned size = 0;
    need(EVP_Digest("", 0, of_nothing_[i].data(), &size, digests_[i].get(), nullptr) == 1, kDigestNames[i]);
  }
}

Bytes Algorithms::digest_of_nothing(Hash hash) const noexcept {
  return {of_nothing_[static_cast<std::size_t>(hash)].data(), size_of(hash)};
}

void Algorithms::hmac(Hash hash, Bytes key, Bytes data, std::uint8_t* out) const {
  const EVP_MD* const digest = digests_[static_cast<std::size_t>(hash)].get();
  EVP_MD_CTX* const context = context_of(hash, digest);
  const std::size_t block = block_size_of(hash);
  Secret<kBlockMax> padded;
  if (key.size() <= block) {
    std::copy(key.begin(), key.end(), padded.data());
  } else if (!digest_both(context, key, {}, padded.data())) {
    throw std::bad_alloc{};
  }
  Secret<48> inner;
  const auto flip = [&](std::uint8_t value) {
    for (std::size_t i = 0; i < block; ++i) padded.data()[i] ^= value;
    return Bytes{padded.data(), block};
  };
  if (!digest_both(context, flip(0x36), data, inner.data()) ||
      !digest_both(context, flip(0x36 ^ 0x5c), {inner.data(), size_of(hash)}, out))
    throw std::bad_alloc{};  // nothing else can be wrong with it
}

bool Algorithms::expand_label(Hash hash, Bytes secret, Label label, Bytes context, std::uint8_t* out,
                              std::size_t size) const {
  std::array<std::uint8_t, 4 + 2 * 255 + 1> info;
  const std::size_t label_size = label.prefix.size() + label.name.size();
  if (size > size_of(hash) || label_size > 255 || context.size() > 255) return false;
  auto at = info.begin();
  *at++ = static_cast<std::uint8_t>(size >> 8);
  *at++ = static_cast<std::uint8_t>(size);
  *at++ = static_cast<std::uint8_t>(label_size);
  at = std::copy(label.prefix.begin(), label.prefix.end(), at);
  at = std::copy(label.name.begin(), label.name.end(), at);
  *at++ = static_cast<std::uint8_t>(context.size());
  at = std::copy(context.begin(), context.end(), at);
  *at++ = 1;  // the block's number
  Secret<48> block;
  hmac(hash, secret, {info.begin(), at}, block.data());
  std::copy(block.data(), block.data() + size, out);
  return true;
}

}  // namespace sluice::tls
