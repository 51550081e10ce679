#include "server/tls/context.hpp"

#include <stdexcept>

#include <openssl/err.h>

#include "server/tls/key_schedule.hpp"

namespace sluice::tls {

namespace {

[[noreturn]] void fail(const std::string& what) {
  const std::string why = take_openssl_error();
  throw std::runtime_error(why.empty() ? what : what + ": " + why);
}

void load_pair(SSL_CTX* context, const std::string& certificate, const std::string& key) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    fail("can't load the certificate " + certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    fail("can't load the private key " + key + ", or it does not belong to " + certificate);
  }
  if (SSL_CTX_check_private_key(context) != 1)
    fail("the private key " + key + " does not belong to " + certificate);
}

/// RFC 7301: "http/1.1" or the connection ends with no_application_protocol. Clients without ALPN are
/// welcome.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void*) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* selected = nullptr;
  const int result = SSL_select_next_proto(&selected, out_size, kHttp11, sizeof kHttp11, in, in_size);
  *out = selected;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

std::string take_openssl_error() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    text = reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
  }
  return text;
}

Context make_context(const ContextOptions& options) {
  provide_key_schedule();
  Context context{SSL_CTX_new_ex(nullptr, kKeyScheduleProperties, TLS_server_method())};
  if (!context) fail("can't make a TLS context");
  SSL_CTX* const raw = context.get();

  SSL_CTX_set_min_proto_version(raw, options.only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(raw, TLS1_3_VERSION);
  // Many clients end without close_notify. A request has its length, so a truncated one is never taken for
  // whole; and as a fatal error the end would take the session out of the cache. The first protocol of a
  // preference is the server's, but a phone without AES instructions gets ChaCha20.
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                               SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
      SSL_CTX_set_ciphersuites(
          raw, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(raw, "X25519:P-256:P-384") != 1) {
    fail("OpenSSL lacks the cipher suites or groups that are needed");
  }
  // Buffers of an idle connection are freed; a write may take part of what is offered and be retried from
  // elsewhere.
  SSL_CTX_set_mode(
      raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(raw, select_alpn, nullptr);
  SSL_CTX_set_max_early_data(raw, 0);
  for (std::size_t i = 0; i < options.certificates.size(); ++i) {
    load_pair(raw, options.certificates[i], options.private_keys[i]);
  }
  return context;
}

}  // namespace sluice::tls
