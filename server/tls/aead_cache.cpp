#include "server/tls/aead_cache.hpp"

#include "server/tls/algorithms.hpp"

namespace sluice::tls {

EVP_CIPHER_CTX* AeadCache::of(Token token, const RecordKeys& keys, Use use) noexcept {
  Slot& place = slot(token);
  if (place.owner == token) return place.context.get();
  if (!place.context) place.context.reset(EVP_CIPHER_CTX_new());
  if (!place.context) return nullptr;
  // To name the cipher again would make OpenSSL throw away and allocate what it has.
  const Aead aead = keys.suite.aead;
  const EVP_CIPHER* cipher = place.aead == aead ? nullptr : Algorithms::get().cipher(aead);
  place.owner = 0;
  place.aead = Aead::count;
  if (EVP_CipherInit_ex2(place.context.get(), cipher, keys.key.data(), nullptr, use == Use::seal ? 1 : 0,
                         nullptr) != 1)
    return nullptr;
  place.aead = aead;
  place.owner = token;
  return place.context.get();
}

void AeadCache::forget(Token token) noexcept {
  Slot& place = slot(token);
  if (place.owner != token) return;
  EVP_CIPHER_CTX_reset(place.context.get());
  place.owner = 0;
  place.aead = Aead::count;
}

}  // namespace sluice::tls
