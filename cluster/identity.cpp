#include "cluster/identity.hpp"

#include <array>
#include <stdexcept>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/handle.hpp"
#include "server/tls/context.hpp"

namespace sluice::cluster {

namespace {

namespace ssl = boost::asio::ssl;
using Certificate = Handle<X509, X509_free>;

std::string common_name(X509* certificate) {
  std::array<char, 256> text{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(),
                                             static_cast<int>(text.size()));
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

template <class Load>
void load(const std::string& what, const std::string& file, Load load_it) {
  if (file.empty()) throw std::runtime_error("there is no " + what + " for the cluster");
  boost::system::error_code error;
  load_it(error);
  if (error) throw std::runtime_error("can't load the " + what + " " + file + ": " + error.message());
}

void load_authority(ssl::context& context, const IdentityFiles& files) {
  load("authority", files.authority, [&](auto& error) { context.load_verify_file(files.authority, error); });
}

void load_identity(ssl::context& context, const IdentityFiles& files) {
  load("certificate", files.certificate,
       [&](auto& error) { context.use_certificate_chain_file(files.certificate, error); });
  load("private key", files.private_key,
       [&](auto& error) { context.use_private_key_file(files.private_key, ssl::context::pem, error); });
  if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
    tls::take_openssl_error();
    throw std::runtime_error("the private key " + files.private_key + " does not belong to " +
                             files.certificate);
  }
}

}  // namespace

std::string member_name(const std::string& certificate_file) {
  const Handle<BIO, BIO_free_all> file{BIO_new_file(certificate_file.c_str(), "r")};
  const Certificate certificate{file ? PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr) : nullptr};
  const std::string name = certificate ? common_name(certificate.get()) : "";
  tls::take_openssl_error();
  if (name.empty()) {
    throw std::runtime_error("can't read a member's name from the certificate \"" + certificate_file +
                             "\" (cluster.certificate)");
  }
  return name;
}

ssl::context make_peer_context(const IdentityFiles& files) {
  ssl::context context{ssl::context::tls};
  SSL_CTX* const raw = context.native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_CLEANSE_PLAINTEXT);  // keys travel in here
  load_authority(context, files);
  load_identity(context, files);
  context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  return context;
}

ssl::context make_client_context(const IdentityFiles& files) {
  ssl::context context{ssl::context::tls_client};
  load_authority(context, files);
  if (!files.certificate.empty()) load_identity(context, files);
  context.set_verify_mode(ssl::verify_peer);
  return context;
}

std::string peer_name(SSL* ssl) {
  const Certificate certificate{SSL_get1_peer_certificate(ssl)};
  return certificate ? common_name(certificate.get()) : "";
}

}  // namespace sluice::cluster
