#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include <openssl/evp.h>

#include "base/handle.hpp"
#include "server/tls/record_keys.hpp"

/// Expanded keys of the connections that are at work. A connection keeps its keys as they are, 200 bytes;
/// what OpenSSL makes of them takes a kilobyte, and half a microsecond, for each direction.
namespace sluice::tls {

/// Direct-mapped, so that what is not in use gives way. One per processor; not thread-safe.
class AeadCache {
 public:
  enum class Use : std::uint8_t { seal, open };
  /// Names one key. Never given twice.
  using Token = std::uint64_t;

  explicit AeadCache(std::size_t slots = 1024) : slots_(slots) {}

  Token next_token() noexcept { return ++last_; }
  /// A context ready for a nonce, until the next call; null when OpenSSL fails, which only lack of memory can
  /// make it do.
  EVP_CIPHER_CTX* of(Token token, const RecordKeys& keys, Use use) noexcept;
  /// Wipes what is left of a key.
  void forget(Token token) noexcept;

 private:
  struct Slot {
    Token owner = 0;
    Aead aead = Aead::count;  // that the context was made for
    Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> context{};
  };
  Slot& slot(Token token) noexcept { return slots_[token % slots_.size()]; }

  std::vector<Slot> slots_;
  Token last_ = 0;
};

}  // namespace sluice::tls
