#include "server/tls/ticket.hpp"

#include <array>
#include <stdexcept>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "server/tls/algorithms.hpp"

namespace sluice::tls {

namespace {

using CipherContext = Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

/// Makes a context, of OpenSSL's or ours, one of HMAC-SHA256 with this key.
bool set_mac_key(EVP_MAC_CTX* mac, const TicketKey& key) noexcept {
  char digest[] = "SHA256";
  // The parameters are read only; the interface wants them writable.
  auto* secret = const_cast<std::uint8_t*>(key.hmac.data());
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret, key.hmac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

bool mac_is_right(const TicketKey& key, Bytes covered, Bytes mac) {
  std::array<std::uint8_t, kTicketMacSize> expected{};
  Algorithms::get().hmac(Hash::sha256, {key.hmac.data(), key.hmac.size()}, covered, expected.data());
  return mac.size() == expected.size() && CRYPTO_memcmp(mac.data(), expected.data(), mac.size()) == 0;
}

}  // namespace

TicketCodec::TicketCodec() : cipher_(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)) {
  if (!cipher_) throw std::runtime_error("OpenSSL lacks AES-256-CBC, which tickets need");
}

bool TicketCodec::start_sealing(const TicketKey& key, Bytes iv, EVP_CIPHER_CTX* cipher,
                                EVP_MAC_CTX* mac) const noexcept {
  return iv.size() == kTicketIvSize &&
         EVP_EncryptInit_ex2(cipher, cipher_.get(), key.aes.data(), iv.data(), nullptr) == 1 &&
         set_mac_key(mac, key);
}

bool TicketCodec::start_opening(const TicketKey& key, Bytes iv, EVP_CIPHER_CTX* cipher,
                                EVP_MAC_CTX* mac) const noexcept {
  return iv.size() == kTicketIvSize &&
         EVP_DecryptInit_ex2(cipher, cipher_.get(), key.aes.data(), iv.data(), nullptr) == 1 &&
         set_mac_key(mac, key);
}

const TicketKey* key_named(const TicketKeyRing& ring, Bytes ticket) noexcept {
  const bool fits = ticket.size() >= kTicketMin && ticket.size() % kTicketBlockSize == 0;
  return fits ? ring.find(ticket.first(kTicketNameSize)) : nullptr;
}

std::optional<SecretBytes> TicketCodec::open(const TicketKey& key, Bytes ticket) const {
  if (ticket.size() < kTicketMin) return std::nullopt;
  const Bytes covered = ticket.first(ticket.size() - kTicketMacSize);
  if (!mac_is_right(key, covered, ticket.last(kTicketMacSize))) return std::nullopt;

  const Bytes iv = covered.subspan(kTicketNameSize, kTicketIvSize);
  const Bytes sealed = covered.subspan(kTicketNameSize + kTicketIvSize);
  const CipherContext context{EVP_CIPHER_CTX_new()};
  SecretBytes padded{sealed.size() + kTicketBlockSize};
  int size = 0;
  int last = 0;
  if (!context ||
      EVP_DecryptInit_ex2(context.get(), cipher_.get(), key.aes.data(), iv.data(), nullptr) != 1 ||
      EVP_DecryptUpdate(context.get(), padded.data(), &size, sealed.data(),
                        static_cast<int>(sealed.size())) != 1 ||
      EVP_DecryptFinal_ex(context.get(), padded.data() + size, &last) != 1) {
    ERR_clear_error();  // the next connection on this thread shares the queue
    return std::nullopt;
  }
  return SecretBytes{padded.view().first(static_cast<std::size_t>(size + last))};
}

Session parse_session(Bytes der) noexcept {
  const unsigned char* at = der.data();
  Session session{d2i_SSL_SESSION(nullptr, &at, static_cast<long>(der.size()))};
  if (!session) ERR_clear_error();
  if (session && at != der.data() + der.size()) session.reset();
  return session;
}

SecretBytes serialize_session(SSL_SESSION& session) {
  const int size = i2d_SSL_SESSION(&session, nullptr);
  if (size <= 0) return {};
  SecretBytes der{static_cast<std::size_t>(size)};
  unsigned char* at = der.data();
  return i2d_SSL_SESSION(&session, &at) == size ? der : SecretBytes{};
}

std::optional<admission::SessionRecord> record_in(SSL_SESSION& session) noexcept {
  void* data = nullptr;
  std::size_t size = 0;
  if (SSL_SESSION_get0_ticket_appdata(&session, &data, &size) != 1 || data == nullptr) return std::nullopt;
  return admission::decode_session_record({static_cast<const std::uint8_t*>(data), size});
}

bool set_record(SSL_SESSION& session, const std::optional<admission::SessionRecord>& record) noexcept {
  if (!record) return SSL_SESSION_set1_ticket_appdata(&session, nullptr, 0) == 1;
  const admission::EncodedSessionRecord bytes = admission::encode(*record);
  return SSL_SESSION_set1_ticket_appdata(&session, bytes.data(), bytes.size()) == 1;
}

}  // namespace sluice::tls
