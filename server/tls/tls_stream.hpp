#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <openssl/ssl.h>
#include <boost/system/error_code.hpp>

#include "server/tls/handshake_guard.hpp"
#include "server/tls/stream_state.hpp"

/// TLS directly on a socket.
namespace sluice::tls {

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

/// Outcome of one attempt that never blocks: done, failed (`error`), or to be repeated once the socket is
/// ready, or the guard has changed its mind (`need`). A write may have taken `bytes` and still have to be
/// repeated, with what is left or with nothing, to get them on their way.
struct Step {
  std::size_t bytes = 0;
  Need need = Need::nothing;
  boost::system::error_code error{};
};

/// The server's end of a TLS connection on a non-blocking socket, whose descriptor it borrows. Everything is
/// one of four steps; waiting is the caller's business. Nothing outside looks at OpenSSL after the handshake,
/// so that there are two of them: RecordStream, with a record layer of our own, and OpensslStream.
///
/// Belongs to one processor. The guard is asked during handshake() and, for records of tickets, in
/// issue_session(). Steps throw `std::bad_alloc` only.
class TlsStream {
 public:
  TlsStream() = default;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  /// A session stays resumable unless the connection ended with a fatal alert (RFC 5246 section 7.2).
  virtual ~TlsStream() = default;

  virtual Step handshake() = 0;
  /// `buffer` holds kReadMin at least, and may be scratch memory: what is not delivered is kept elsewhere.
  virtual Step read_some(std::span<char> buffer) = 0;
  virtual Step write_some(std::string_view plain) = 0;
  /// Sends close_notify, unless the peer has ended the connection without a word; does not wait for the
  /// peer's. `half_closed`: it may still read although it has ended its side. It may be held back until the
  /// caller closes the socket, or its sending half, which is to come next.
  virtual Step shutdown(bool half_closed = false) = 0;

  /// Lets a visitor resume whom the guard gives a record only after the handshake; for streams made with
  /// Issue::later. Does nothing before the handshake is through.
  virtual void issue_session() {}

  /// Input was taken off the socket that read_some() has not delivered yet.
  virtual bool pending() const noexcept = 0;
  /// Nothing is left in the socket that an edge-triggered poll would not tell of again.
  virtual bool drained() const noexcept = 0;
  /// Something waits to be sent by the next write, or by a read that finds nothing.
  virtual bool unsent() const noexcept { return false; }
  /// The connection should not serve much more: its keys have protected enough.
  virtual bool wants_end() const noexcept { return false; }

  /// All it takes to go on elsewhere; `nullopt` where that can't be: before the handshake is over, behind its
  /// end, in the middle of a KeyUpdate, or with OpenSSL's record layer. Whoever takes it must not use this
  /// stream while somebody else may go on with it.
  virtual std::optional<StreamState> state() const { return std::nullopt; }

  // After the handshake.
  bool resumed() const noexcept { return resumed_; }
  bool tls13() const noexcept { return tls13_; }
  std::string_view version_name() const noexcept { return tls13_ ? "TLSv1.3" : "TLSv1.2"; }

  static constexpr std::size_t kReadMin = 17 * 1024;

 protected:
  void note_outcome(bool resumed, bool tls13) noexcept {
    resumed_ = resumed;
    tls13_ = tls13;
  }
  void note_outcome(const SSL& ssl) noexcept {
    note_outcome(SSL_session_reused(&ssl) == 1, SSL_version(&ssl) == TLS1_3_VERSION);
  }

 private:
  bool resumed_ = false;
  bool tls13_ = false;
};

/// When what resumes is issued: in the handshake, or not before issue_session(). Then, up to TLS 1.2, the
/// client gets a session ID all the same, which counts only once the session is stored.
enum class Issue { in_handshake, later };

struct RecordBuffers;

/// A RecordStream, or what `buffers` being null and Issue::later ask for, an OpensslStream: tickets behind
/// the handshake are OpenSSL's to make. A null guard admits everybody. Borrows everything. Throws
/// `std::bad_alloc` only.
std::unique_ptr<TlsStream> make_stream(int fd, SSL_CTX& context, HandshakeGuard* guard,
                                       RecordBuffers* buffers, Issue issue = Issue::in_handshake);
/// One that goes on where another ended.
std::unique_ptr<TlsStream> make_stream(int fd, SSL_CTX& context, RecordBuffers& buffers,
                                       const StreamState& state);

}  // namespace sluice::tls

template <>
struct boost::system::is_error_code_enum<sluice::tls::StreamError> : std::true_type {};
