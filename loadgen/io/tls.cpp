#include "loadgen/io/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>

#include "loadgen/error.hpp"

namespace sluice::loadgen {
namespace {

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return ::inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

// TLS 1.3 suites have a function of their own, as they share no name with older ones.
void set_ciphers(SSL_CTX* context, const std::string& ciphers) {
  std::string older, newer;
  for (std::size_t begin = 0; begin <= ciphers.size();) {
    const std::size_t end = std::min(ciphers.find_first_of(":,", begin), ciphers.size());
    const std::string name = ciphers.substr(begin, end - begin);
    std::string& list = name.starts_with("TLS_") ? newer : older;
    if (!name.empty()) list += (list.empty() ? "" : ":") + name;
    begin = end + 1;
  }
  const bool ok = (older.empty() || SSL_CTX_set_cipher_list(context, older.c_str()) == 1) &&
                  (newer.empty() || SSL_CTX_set_ciphersuites(context, newer.c_str()) == 1);
  ERR_clear_error();
  if (!ok)
    throw UsageError("--ciphers \"" + ciphers +
                     "\" names no cipher this OpenSSL has; see `openssl ciphers`.");
}

}  // namespace

std::string take_tls_errors() {
  std::string text;
  while (const unsigned long error = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(error);
    if (!text.empty()) text += "; ";
    text += reason != nullptr ? reason : "error " + std::to_string(error);
  }
  return text;
}

TlsContext make_client_context(const TlsOptions& options, bool tickets) {
  TlsContext context{SSL_CTX_new(TLS_client_method())};
  if (!context) throw RunError("OpenSSL can't make a context: " + take_tls_errors());
  using Version = TlsOptions::Version;
  SSL_CTX_set_min_proto_version(context.get(),
                                options.version == Version::v13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context.get(),
                                options.version == Version::v12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  if (!options.ciphers.empty()) set_ciphers(context.get(), options.ciphers);
  if (!options.groups.empty() && SSL_CTX_set1_groups_list(context.get(), options.groups.c_str()) != 1) {
    ERR_clear_error();
    throw UsageError("--groups \"" + options.groups + "\" names a group this OpenSSL does not have.");
  }
  // Thinking users hold connections, not buffers. One read takes a record's head and body together.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);
  // A server that just closes has ended the connection; whether a response was whole, HTTP's framing tells.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION |
                                         (tickets ? 0 : SSL_OP_NO_TICKET));
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  constexpr std::array<unsigned char, 9> kAlpn{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context.get(), kAlpn.data(), kAlpn.size());
  if (!options.insecure) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_default_verify_paths(context.get());
    if (!options.ca_file.empty() && SSL_CTX_load_verify_file(context.get(), options.ca_file.c_str()) != 1)
      throw RunError("can't read certificates from " + options.ca_file + ": " + take_tls_errors());
    ERR_clear_error();  // a system without a trust store leaves one behind
  }
  return context;
}

TlsConnection make_connection(SSL_CTX* context, const Options& options) {
  TlsConnection tls{SSL_new(context)};
  if (!tls) return tls;
  const std::string& name = options.tls.sni.empty() ? options.target.host : options.tls.sni;
  X509_VERIFY_PARAM* verify = SSL_get0_param(tls.get());
  if (is_address(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(verify, name.c_str());
  } else {
    // The macro SSL_set_tlsext_host_name would cast away const in the old style.
    SSL_ctrl(tls.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(name.c_str()));
    X509_VERIFY_PARAM_set1_host(verify, name.c_str(), name.size());
  }
  SSL_set_connect_state(tls.get());
  return tls;
}

}  // namespace sluice::loadgen
