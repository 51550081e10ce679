#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <openssl/ssl.h>

#include "base/handle.hpp"

namespace sluice::loadgen {

/// One connection, as a server saw it.
struct SeenConnection {
  std::string hello;                 ///< The client hello's handshake message.
  std::string session_id;            ///< Of it, offered.
  std::optional<int> ticket_status;  ///< SSL_TICKET_..., when a ticket was offered.
  bool ticket_key_known = false;     ///< The ticket has the name of the server's own key.
  bool finished = false;
  bool resumed = false;
  std::optional<int> alert;         ///< Sent by the server.
  std::uint64_t bytes = 0;          ///< Received until the handshake was over, or the client had closed.
  std::vector<std::size_t> pieces;  ///< Sizes as they came; only of `record_pieces`.
};

/// Serves connections of 127.0.0.1 one after the other, blocking, on a thread of its own.
class BlockingServer {
 public:
  /// Gets a connected socket that is closed when it returns.
  using Handler = std::function<void(int socket, SeenConnection& seen)>;

  explicit BlockingServer(Handler handler);
  ~BlockingServer() { stop(); }

  std::uint16_t port() const noexcept { return port_; }
  std::size_t served() const noexcept { return served_; }
  /// Ends the thread, after the connection it serves, and tells what came.
  std::vector<SeenConnection> stop();

 private:
  void run();

  Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> served_{0};
  std::vector<SeenConnection> seen_;  // of the thread, until it was joined
  std::thread thread_;
};

/// A TLS server with OpenSSL's own tickets: handshake, then close_notify.
class TlsServer {
 public:
  explicit TlsServer(int version_max);
  void operator()(int socket, SeenConnection& seen) const;

 private:
  std::shared_ptr<SSL_CTX> context_;
};

/// Notes the sizes of what `recv` gives, and says nothing.
void record_pieces(int socket, SeenConnection& seen);
/// Waits until a TLS record has come, as a hello is.
void await_record(int socket);
/// Makes close() a reset.
void reset_on_close(int socket);

}  // namespace sluice::loadgen
