#include "openssl_hellos.hpp"

#include <array>
#include <stdexcept>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/handle.hpp"

namespace sluice::tls {
namespace {

using Context = Handle<SSL_CTX, SSL_CTX_free>;
using Session = Handle<SSL_SESSION, SSL_SESSION_free>;
using Ssl = Handle<SSL, SSL_free>;

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

Context server_context() {
  Context context{SSL_CTX_new(TLS_server_method())};
  const Handle<EVP_PKEY, EVP_PKEY_free> key{EVP_EC_gen("P-256")};
  const Handle<X509, X509_free> certificate{X509_new()};
  check(context && key && certificate, "OpenSSL is out of order");
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  check(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "can't sign a certificate");
  check(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1, "certificate");
  check(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1, "key");
  const std::array<unsigned char, 1> id{'t'};
  SSL_CTX_set_session_id_context(context.get(), id.data(), id.size());
  return context;
}

/// One end of a connection in memory.
Ssl end_of(SSL_CTX* context) {
  Ssl ssl{SSL_new(context)};
  check(ssl != nullptr, "SSL_new");
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  return ssl;
}

std::string sent_by(SSL* ssl) {
  std::string out;
  std::array<char, 4096> buffer;
  for (int n; (n = BIO_read(SSL_get_wbio(ssl), buffer.data(), static_cast<int>(buffer.size()))) > 0;) {
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return out;
}

void receive(SSL* ssl, std::string_view bytes) {
  BIO_write(SSL_get_rbio(ssl), bytes.data(), static_cast<int>(bytes.size()));
  char unused = 0;
  SSL_read(ssl, &unused, 1);
  ERR_clear_error();
}

/// The client's first bytes; `session`, when given, is offered, and replaced by the one the server issues.
std::string connect(SSL_CTX* client_context, SSL_CTX* server_context, Session& session) {
  const Ssl client = end_of(client_context);
  const Ssl server = end_of(server_context);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  char host[] = "auction.example";
  SSL_ctrl(client.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host);
  if (session) SSL_set_session(client.get(), session.get());
  receive(client.get(), {});
  const std::string hello = sent_by(client.get());
  std::string to_server = hello;
  for (int flight = 0; flight < 4; ++flight) {
    receive(server.get(), to_server);
    receive(client.get(), sent_by(server.get()));
    to_server = sent_by(client.get());
  }
  check(SSL_is_init_finished(client.get()) == 1, "the handshake failed");
  session.reset(SSL_get1_session(client.get()));
  SSL_shutdown(client.get());  // otherwise the session would count as broken
  return hello;
}

int note_hello(SSL* ssl, int* alert, void* argument) {
  Seen& seen = static_cast<std::optional<Seen>*>(argument)->emplace();
  const auto extension = [&](unsigned type) {
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    SSL_client_hello_get0_ext(ssl, type, &data, &size);
    return std::string{reinterpret_cast<const char*>(data), size};
  };
  const unsigned char* id = nullptr;
  const std::size_t id_size = SSL_client_hello_get0_session_id(ssl, &id);
  seen.legacy_version = static_cast<std::uint16_t>(SSL_client_hello_get0_legacy_version(ssl));
  seen.session_id.assign(reinterpret_cast<const char*>(id), id_size);
  seen.has_ticket = !extension(35).empty();
  seen.has_psk = !extension(41).empty();
  const std::string versions = extension(43);
  for (std::size_t i = 1; i + 1 < versions.size(); i += 2) {
    seen.offers_tls13 |= versions[i] == 3 && versions[i + 1] == 4;
  }
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_CLIENT_HELLO_ERROR;  // we have seen enough
}

}  // namespace

std::vector<RealHello> openssl_hellos() {
  struct Kind {
    const char* fresh;
    const char* resuming;
    int version_max;
    bool tickets;
  };
  static constexpr Kind kKinds[] = {{"tls13_fresh", "tls13_psk", TLS1_3_VERSION, true},
                                    {"tls12_fresh", "tls12_ticket", TLS1_2_VERSION, true},
                                    {"tls12_no_ticket_fresh", "tls12_session_id", TLS1_2_VERSION, false}};
  const Context server = server_context();
  std::vector<RealHello> hellos;
  for (const Kind& kind : kKinds) {
    const Context client{SSL_CTX_new(TLS_client_method())};
    SSL_CTX_set_max_proto_version(client.get(), kind.version_max);
    if (!kind.tickets) SSL_CTX_set_options(client.get(), SSL_OP_NO_TICKET);
    const std::string_view alpn = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(client.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()));
    Session session;
    hellos.push_back({kind.fresh, connect(client.get(), server.get(), session)});
    hellos.push_back({kind.resuming, connect(client.get(), server.get(), session)});
  }
  return hellos;
}

std::optional<Seen> seen_by_openssl(std::string_view bytes) {
  static const Context context = server_context();
  std::optional<Seen> seen;
  SSL_CTX_set_client_hello_cb(context.get(), note_hello, &seen);
  const Ssl server = end_of(context.get());
  SSL_set_accept_state(server.get());
  receive(server.get(), bytes);
  return seen;
}

}  // namespace sluice::tls
