#include "tests/unit/loadgen_io/blocking_server.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace sluice::loadgen {
namespace {

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

void use_new_certificate(SSL_CTX* context) {
  const Handle<EVP_PKEY, EVP_PKEY_free> key{EVP_EC_gen("P-256")};
  const Handle<X509, X509_free> certificate{X509_new()};
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  check(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0 &&
            SSL_CTX_use_certificate(context, certificate.get()) == 1 &&
            SSL_CTX_use_PrivateKey(context, key.get()) == 1,
        "no certificate");
}

SeenConnection& seen_of(SSL* tls) { return *static_cast<SeenConnection*>(SSL_get_app_data(tls)); }

int note_hello(SSL* tls, int*, void*) {
  const unsigned char* id = nullptr;
  const std::size_t size = SSL_client_hello_get0_session_id(tls, &id);
  seen_of(tls).session_id.assign(reinterpret_cast<const char*>(id), size);
  return SSL_CLIENT_HELLO_SUCCESS;
}

void note_message(int sent, int, int type, const void* bytes, std::size_t size, SSL* tls, void*) {
  const std::string_view message(static_cast<const char*>(bytes), size);
  SeenConnection& seen = seen_of(tls);
  if (sent == 0 && type == SSL3_RT_HANDSHAKE && seen.hello.empty()) seen.hello = message;
  if (sent == 1 && type == SSL3_RT_ALERT && message.size() == 2 && message[0] == SSL3_AL_FATAL)
    seen.alert = message[1];
}

SSL_TICKET_RETURN note_ticket(SSL* tls, SSL_SESSION*, const unsigned char* key_name,
                              std::size_t key_name_size, SSL_TICKET_STATUS status, void*) {
  std::array<unsigned char, 80> keys{};
  SSL_CTX_get_tlsext_ticket_keys(SSL_get_SSL_CTX(tls), keys.data(), keys.size());
  SeenConnection& seen = seen_of(tls);
  if (status != SSL_TICKET_EMPTY) {
    seen.ticket_status = status;
    seen.ticket_key_known = std::equal(key_name, key_name + key_name_size, keys.begin());
  }
  if (status == SSL_TICKET_SUCCESS) return SSL_TICKET_RETURN_USE;
  return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_IGNORE_RENEW;
}

}  // namespace

BlockingServer::BlockingServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  check(::bind(listener_, generic, size) == 0 && ::listen(listener_, 64) == 0 &&
            ::getsockname(listener_, generic, &size) == 0,
        "no listener");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

void BlockingServer::run() {
  for (int socket; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ++served_) {
    const timeval stuck{.tv_sec = 30, .tv_usec = 0};  // a test that hangs should fail
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &stuck, sizeof stuck);
    handler_(socket, seen_.emplace_back());
    ::close(socket);
  }
}

std::vector<SeenConnection> BlockingServer::stop() {
  if (thread_.joinable()) {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  return seen_;
}

TlsServer::TlsServer(int version_max) : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
  SSL_CTX_set_max_proto_version(context_.get(), version_max);
  use_new_certificate(context_.get());
  SSL_CTX_set_client_hello_cb(context_.get(), note_hello, nullptr);
  SSL_CTX_set_msg_callback(context_.get(), note_message);
  SSL_CTX_set_session_ticket_cb(context_.get(), nullptr, note_ticket, nullptr);
}

void TlsServer::operator()(int socket, SeenConnection& seen) const {
  const Handle<SSL, SSL_free> tls{SSL_new(context_.get())};
  SSL_set_app_data(tls.get(), &seen);
  SSL_set_fd(tls.get(), socket);
  seen.finished = SSL_accept(tls.get()) == 1;
  seen.resumed = seen.finished && SSL_session_reused(tls.get()) == 1;
  seen.bytes = BIO_number_read(SSL_get_rbio(tls.get()));
  if (seen.finished) {
    SSL_shutdown(tls.get());
    char byte = 0;
    SSL_read(tls.get(), &byte, 1);  // until the client has closed
  }
  ERR_clear_error();
}

void record_pieces(int socket, SeenConnection& seen) {
  std::array<char, 4096> buffer;
  for (ssize_t size; (size = ::recv(socket, buffer.data(), buffer.size(), 0)) > 0;) {
    seen.pieces.push_back(static_cast<std::size_t>(size));
    seen.bytes += static_cast<std::uint64_t>(size);
    seen.hello.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

void await_record(int socket) {
  std::array<unsigned char, 5> head{};
  if (::recv(socket, head.data(), head.size(), MSG_WAITALL) != 5) return;
  std::vector<char> body(static_cast<std::size_t>(head[3] << 8 | head[4]));
  ::recv(socket, body.data(), body.size(), MSG_WAITALL);
}

void reset_on_close(int socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace sluice::loadgen
