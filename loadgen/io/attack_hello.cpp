#include "loadgen/io/attack_hello.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace sluice::loadgen {
namespace {

constexpr std::size_t kSessionId = 32;
constexpr std::size_t kMasterSecret = 48;  // of TLS 1.2

void fill(std::span<unsigned char> bytes, Random& random) noexcept {
  std::ranges::generate(bytes, [&random] { return static_cast<unsigned char>(random.bits() >> 56); });
}

const SSL_CIPHER* cipher_of_tls12(SSL_CTX* context) {
  STACK_OF(SSL_CIPHER)* const ciphers = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(ciphers, i);
    if (std::string_view(SSL_CIPHER_get_version(cipher)) != "TLSv1.3") return cipher;
  }
  return nullptr;
}

std::string der_of(const SSL_SESSION* session) {
  const int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0) return {};
  std::string der(static_cast<std::size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_SSL_SESSION(session, &out);
  return der;
}

}  // namespace

TlsSession invent_session(SSL_CTX* context, Random& random) {
  TlsSession session{SSL_SESSION_new()};
  const SSL_CIPHER* cipher = cipher_of_tls12(context);
  if (!session || cipher == nullptr) return nullptr;
  std::array<unsigned char, kSessionId> id;
  std::array<unsigned char, kMasterSecret> secret;
  fill(id, random);
  fill(secret, random);
  const bool made = SSL_SESSION_set1_id(session.get(), id.data(), id.size()) == 1 &&
                    SSL_SESSION_set1_master_key(session.get(), secret.data(), secret.size()) == 1 &&
                    SSL_SESSION_set_cipher(session.get(), cipher) == 1 &&
                    SSL_SESSION_set_protocol_version(session.get(), TLS1_2_VERSION) == 1;
  return made ? std::move(session) : nullptr;
}

// OpenSSL can't set the ticket of a session, but reads sessions from DER, where it stands as it is.
GenuineTicket::GenuineTicket(const SSL_SESSION* session) {
  if (session == nullptr || SSL_SESSION_has_ticket(session) == 0) return;
  const unsigned char* ticket = nullptr;
  SSL_SESSION_get0_ticket(session, &ticket, &ticket_size_);
  der_ = der_of(session);
  ticket_at_ = der_.find(std::string_view(reinterpret_cast<const char*>(ticket), ticket_size_));
  if (ticket_at_ == std::string::npos || ticket_size_ == 0) return;
  session_.reset(SSL_SESSION_dup(session));
}

std::chrono::seconds GenuineTicket::lifetime() const noexcept {
  constexpr unsigned long kUnspecified = 7200;
  const unsigned long hint = session_ ? SSL_SESSION_get_ticket_lifetime_hint(session_.get()) : 0;
  return std::chrono::seconds{hint == 0 ? kUnspecified : hint};
}

TlsSession GenuineTicket::copy() const { return TlsSession{SSL_SESSION_dup(session_.get())}; }

TlsSession GenuineTicket::forged(Random& random) const {
  const std::size_t third = std::max<std::size_t>(ticket_size_ / 3, 1);
  const std::size_t at = ticket_at_ + ticket_size_ - 1 - random.below(static_cast<std::uint32_t>(third));
  std::string der = der_;
  der[at] = static_cast<char>(der[at] ^ static_cast<char>(1 + random.below(255)));
  const auto* in = reinterpret_cast<const unsigned char*>(der.data());
  return TlsSession{d2i_SSL_SESSION(nullptr, &in, static_cast<long>(der.size()))};
}

TlsSession GenuineTicket::without_secret(Random& random) const {
  TlsSession session = copy();
  if (!session) return session;
  std::array<unsigned char, SSL_MAX_MASTER_KEY_LENGTH> secret;
  fill(secret, random);
  const std::size_t size = SSL_SESSION_get_master_key(session.get(), nullptr, 0);
  SSL_SESSION_set1_master_key(session.get(), secret.data(), std::min(size, secret.size()));
  return session;
}

std::string first_flight(TlsConnection tls, SSL_SESSION* offered) {
  if (!tls) return {};
  SSL_set_bio(tls.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (offered != nullptr) SSL_set_session(tls.get(), offered);
  SSL_do_handshake(tls.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(tls.get()), &bytes);
  std::string flight = size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
  take_tls_errors();
  return flight;
}

}  // namespace sluice::loadgen
