// Makes TLS handshakes, or holds idle connections, so that bench.py can weigh what they cost a server.
//
//   handshakes HOST PORT full|resumed 1.2|1.3 COUNT   COUNT connections, one after the other
//   handshakes HOST PORT idle 1.2|1.3 COUNT           COUNT connections, held until standard input ends
//
// Prints one line of JSON. Suite and group are pinned, so that every server does the same work. A connection
// ends with close_notify and FIN from here and the server's FIN, so that its whole life is in the server's
// bill. Idle ones made one request each and then are sockets only, from several addresses of the loopback
// network, as ports run out.

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/handle.hpp"

namespace {

using sluice::Handle;
using Context = Handle<SSL_CTX, SSL_CTX_free>;
using Session = Handle<SSL_SESSION, SSL_SESSION_free>;
using Tls = Handle<SSL, SSL_free>;

struct Options {
  std::string host, port;
  std::string_view mode;
  bool tls13 = false;
  unsigned long count = 0;
};

[[noreturn]] void fail(const std::string& what) {
  const unsigned long code = ERR_get_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  throw std::runtime_error(reason != nullptr ? what + ": " + reason : what);
}

void check(bool good, const char* what) {
  if (!good) fail(what);
}

/// Newest session the server gave. Tickets of TLS 1.3 arrive after the handshake and serve once.
Session& newest_session() {
  static Session session;
  return session;
}

Context make_context(bool tls13) {
  Context context{SSL_CTX_new(TLS_client_method())};
  check(context != nullptr, "no TLS context");
  const int version = tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  check(SSL_CTX_set_cipher_list(context.get(), "ECDHE-ECDSA-AES128-GCM-SHA256") == 1, "suite of TLS 1.2");
  check(SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256") == 1, "suite of TLS 1.3");
  // X25519 is used; TLS 1.2 wants the certificate's curve among the groups as well (RFC 8422 section 5.1).
  check(SSL_CTX_set1_groups_list(context.get(), "X25519:P-256") == 1, "groups");
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), [](SSL*, SSL_SESSION* session) {
    newest_session().reset(session);
    return 1;
  });
  return context;
}

/// One connection to the server; closes with close_notify and waits for the server's end.
class Connection {
 public:
  /// `source`: of 127.0.0.0/8, or nothing.
  Connection(const Options& options, SSL_CTX* context, SSL_SESSION* session, const char* source = nullptr)
      : fd_(connect_to(options, source)), tls_(SSL_new(context)) {
    static constexpr std::array<unsigned char, 9> kAlpn{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    check(tls_ != nullptr, "no TLS object");
    SSL_set_fd(tls_.get(), fd_);
    std::array<char, 10> name{"localhost"};  // the macro SSL_set_tlsext_host_name casts the old way
    SSL_ctrl(tls_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    SSL_set_alpn_protos(tls_.get(), kAlpn.data(), kAlpn.size());
    if (session != nullptr) SSL_set_session(tls_.get(), session);
    check(SSL_connect(tls_.get()) == 1, "handshake failed");
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(fd_); }

  bool resumed() const { return SSL_session_reused(tls_.get()) == 1; }

  void request() {
    static constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    std::array<char, 16384> answer;
    check(SSL_write(tls_.get(), kRequest.data(), static_cast<int>(kRequest.size())) > 0, "request failed");
    check(SSL_read(tls_.get(), answer.data(), static_cast<int>(answer.size())) > 0, "no answer");
  }

  /// Only the socket is left, which the destructor closes.
  void forget_tls() { tls_.reset(); }

  void finish() {
    std::array<char, 4096> rest;
    check(SSL_shutdown(tls_.get()) >= 0, "close_notify failed");
    ::shutdown(fd_, SHUT_WR);  // h2o does not take the alert for an end
    // Reads what is still under way, tickets among it, to the server's close_notify or FIN.
    while (SSL_read(tls_.get(), rest.data(), static_cast<int>(rest.size())) > 0) {
    }
    ERR_clear_error();
    while (::recv(fd_, rest.data(), rest.size(), 0) > 0) {
    }
  }

 private:
  static int connect_to(const Options& options, const char* source) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    check(::getaddrinfo(options.host.c_str(), options.port.c_str(), &hints, &found) == 0, "no such host");
    const Handle<addrinfo, ::freeaddrinfo> owned{found};
    const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const timeval patience{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (source != nullptr) {
      ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      ::inet_pton(AF_INET, source, &address.sin_addr);
      check(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "can't bind");
    }
    check(fd >= 0 && ::connect(fd, found->ai_addr, found->ai_addrlen) == 0, "can't connect");
    return fd;
  }

  int fd_;
  Tls tls_;
};

void raise_descriptor_limit() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

void make_handshakes(const Options& options) {
  const Context context = make_context(options.tls13);
  const bool resume = options.mode == "resumed";
  if (resume) Connection(options, context.get(), nullptr).finish();  // the session that the first one resumes
  unsigned long resumed = 0;
  const auto start = std::chrono::steady_clock::now();
  for (unsigned long i = 0; i < options.count; ++i) {
    const Session session = resume ? std::move(newest_session()) : Session{};
    Connection connection(options, context.get(), session.get());
    resumed += connection.resumed() ? 1 : 0;
    connection.finish();
    if (resume && !newest_session()) {  // TLS 1.2 servers need not give a new ticket with a resumption
      SSL_SESSION_up_ref(session.get());
      newest_session().reset(session.get());
    }
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("{\"connections\": %lu, \"resumed\": %lu, \"seconds\": %.6f}\n", options.count, resumed,
              seconds.count());
}

constexpr unsigned long kPerAddress = 10'000;

void hold_idle(const Options& options) {
  raise_descriptor_limit();
  const Context context = make_context(options.tls13);
  std::vector<std::unique_ptr<Connection>> held;
  held.reserve(options.count);
  for (unsigned long i = 0; i < options.count; ++i) {
    const std::string source = "127.0.1." + std::to_string(1 + i / kPerAddress);
    held.push_back(std::make_unique<Connection>(options, context.get(), nullptr, source.c_str()));
    held.back()->request();
    held.back()->forget_tls();
  }
  std::printf("{\"connections\": %zu}\n", held.size());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

Options parse(int argc, char** argv) {
  if (argc == 6) {
    const std::string_view mode = argv[3];
    const std::string_view version = argv[4];
    const bool known =
        (mode == "full" || mode == "resumed" || mode == "idle") && (version == "1.2" || version == "1.3");
    const unsigned long count = std::strtoul(argv[5], nullptr, 10);
    if (known && count > 0) return {argv[1], argv[2], mode, version == "1.3", count};
  }
  std::fputs("usage: handshakes HOST PORT full|resumed|idle 1.2|1.3 COUNT\n", stderr);
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  try {
    options.mode == "idle" ? hold_idle(options) : make_handshakes(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "handshakes: %s\n", error.what());
    return 1;
  }
  return 0;
}
