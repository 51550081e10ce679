#pragma once
#include <cstddef>
#include <string_view>
#include <utility>

#include <openssl/ssl.h>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/handle.hpp"
#include "server/task.hpp"
#include "server/tls/handshake.hpp"

/// TLS directly on a socket.
namespace sluice::tls {

using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

enum class StreamError {
  closed = 1,  ///< The peer ended the connection, with close_notify or without.
  truncated,   ///< It ended in the middle of the handshake.
  protocol,    ///< The peer broke the protocol, or failed a check; an alert was sent.
  peer_alert,  ///< The peer sent a fatal alert.
  refused,     ///< The connection's HandshakeGuard did; the alert internal_error was sent.
};
const boost::system::error_category& stream_category() noexcept;
boost::system::error_code make_error_code(StreamError error) noexcept;

/// What a step wants before it can go on. `grant`: handshake() only, HandshakeGuard::may_sign() said "wait".
enum class Need { nothing, readable, writable, grant };

/// Outcome of one attempt that never blocks: done (`bytes`), failed (`error`), or to be repeated once the
/// socket is ready, or the guard has changed its mind (`need`).
struct Step {
  std::size_t bytes = 0;
  Need need = Need::nothing;
  boost::system::error_code error{};
};

/// The server's end of a TLS connection on a non-blocking socket that it borrows. OpenSSL reads and writes
/// the socket itself (`SSL_set_fd`): no BIO pair, no copy, and its buffers are freed while the connection is
/// idle.
///
/// Everything is one of four steps; waiting is the caller's business, or that of the asynchronous operations,
/// which model Asio's AsyncReadStream and AsyncWriteStream so that Beast can work on it. After the handshake
/// nothing outside this class looks at OpenSSL: another record layer can take over read_some(), write_some()
/// and shutdown().
///
/// Belongs to one processor. At most one reading and one writing operation at a time.
class TlsStream {
 public:
  using executor_type = Executor;

  /// Borrows everything; a null guard admits everybody. The guard is asked during handshake() and, for
  /// records of tickets, when issue_session()'s is sent. Throws `std::bad_alloc` only.
  TlsStream(Socket& socket, SSL_CTX& context, HandshakeGuard* guard = nullptr);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  /// A session stays resumable unless the connection ended with a fatal alert (RFC 5246 section 7.2).
  ~TlsStream();

  executor_type get_executor() noexcept { return socket_.get_executor(); }

  Step handshake() noexcept;
  Step read_some(void* data, std::size_t size) noexcept;
  Step write_some(const void* data, std::size_t size) noexcept;
  /// Sends close_notify, unless the peer has ended the connection without a word; does not wait for the
  /// peer's.
  Step shutdown() noexcept;

  /// Before handshake(): issues nothing that resumes until issue_session(). Up to TLS 1.2 the client gets a
  /// session ID all the same, which counts only once the session is stored.
  void withhold_session() noexcept;
  /// Lets a visitor resume whom the guard gives a record only after the handshake. In TLS 1.3 by a ticket,
  /// sent with the next write or by shutdown(); up to TLS 1.2 by storing the session, if it was withheld.
  /// Does nothing before the handshake is through.
  void issue_session() noexcept;

  /// Input was taken off the socket that read_some() has not delivered yet.
  bool pending() const noexcept { return SSL_has_pending(ssl_.get()) == 1; }
  bool resumed() const noexcept { return SSL_session_reused(ssl_.get()) == 1; }
  bool tls13() const noexcept { return SSL_version(ssl_.get()) == TLS1_3_VERSION; }
  /// "TLSv1.3"
  std::string_view version_name() const noexcept { return SSL_get_version(ssl_.get()); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const boost::asio::mutable_buffer buffer = *boost::asio::buffer_sequence_begin(buffers);
    return repeat([this, buffer] { return read_some(buffer.data(), buffer.size()); },
                  std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    const boost::asio::const_buffer buffer = *boost::asio::buffer_sequence_begin(buffers);
    return repeat([this, buffer] { return write_some(buffer.data(), buffer.size()); },
                  std::forward<Token>(token));
  }

 private:
  /// Repeats a step, waiting for the socket in between; completes with (error, bytes).
  template <class StepFunction, class Token>
  auto repeat(StepFunction step, Token&& token) {
    return boost::asio::async_compose<Token, void(boost::system::error_code, std::size_t)>(
        [this, step, first = true](auto& self, boost::system::error_code ec = {}) mutable {
          const Step outcome = ec ? Step{.error = ec} : step();
          if (outcome.need != Need::nothing) {
            first = false;
            return socket_.async_wait(wait_type(outcome.need), std::move(self));
          }
          if (!std::exchange(first, false)) return self.complete(outcome.error, outcome.bytes);
          // Never complete from within the initiating function.
          boost::asio::post(socket_.get_executor(), [self = std::move(self), outcome]() mutable {
            self.complete(outcome.error, outcome.bytes);
          });
        },
        token, socket_);
  }

  static Socket::wait_type wait_type(Need need) noexcept {
    return need == Need::writable ? Socket::wait_write : Socket::wait_read;
  }
  Step outcome(int result, std::size_t bytes) noexcept;

  Socket& socket_;
  Handshake handshake_;
  Handle<SSL, SSL_free> ssl_;
  bool ticket_due_ = false;  // issue_session()'s may not be sent yet
  bool broken_ = false;      // a fatal alert went one way or the other
};

}  // namespace sluice::tls

template <>
struct boost::system::is_error_code_enum<sluice::tls::StreamError> : std::true_type {};
