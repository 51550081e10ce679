#include "server/tls/tls_stream.hpp"

#include <cerrno>
#include <new>

#include <openssl/err.h>

#include "base/error.hpp"
#include "server/tls/engine.hpp"

namespace sluice::tls {

namespace {

class StreamCategory final : public ErrorCategory {
 public:
  const char* name() const noexcept override { return "sluice.tls"; }
  std::string message(int value) const override {
    switch (static_cast<StreamError>(value)) {
      case StreamError::closed: return "the peer ended the connection";
      case StreamError::truncated: return "the peer went away during the handshake";
      case StreamError::protocol: return "the peer broke the TLS protocol";
      case StreamError::peer_alert: return "the peer sent a fatal TLS alert";
      case StreamError::refused: return "the visitor was refused in the handshake";
    }
    return "unknown TLS error";
  }
};

/// What SSL_CTX_set_cert_cb(3)'s callback leaves when it ends a handshake; only Engine's does, for a guard.
bool is_refusal(unsigned long code) noexcept {
  return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERT_CB_ERROR;
}

bool is_alert(unsigned long code) noexcept {
  const int reason = ERR_GET_REASON(code);
  return ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
         reason < SSL_AD_REASON_OFFSET + 256;
}

/// Reads and empties this thread's error queue: the next connection shares it.
boost::system::error_code take_error() noexcept {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (is_refusal(code)) return StreamError::refused;
  return is_alert(code) ? StreamError::peer_alert : StreamError::protocol;
}

}  // namespace

const boost::system::error_category& stream_category() noexcept {
  static const StreamCategory category;
  return category;
}

boost::system::error_code make_error_code(StreamError error) noexcept {
  return {static_cast<int>(error), stream_category()};
}

TlsStream::TlsStream(Socket& socket, SSL_CTX& context, HandshakeGuard* guard)
    : socket_(socket), handshake_(guard), ssl_(SSL_new(&context)) {
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket.native_handle()) != 1) throw std::bad_alloc{};
  handshake_.attach(ssl_.get());
  SSL_set_accept_state(ssl_.get());
}

TlsStream::~TlsStream() {
  // SSL_free() takes a session that was not shut down out of the cache, and many clients end without
  // close_notify.
  if (!broken_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Step TlsStream::outcome(int result, std::size_t bytes) noexcept {
  if (result > 0) return {.bytes = bytes};
  const int system_error = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return {.need = Need::readable};
    case SSL_ERROR_WANT_WRITE: return {.need = Need::writable};
    case SSL_ERROR_WANT_X509_LOOKUP: return {.need = Need::grant};
    case SSL_ERROR_ZERO_RETURN: return {.error = StreamError::closed};
    case SSL_ERROR_SYSCALL:
      ERR_clear_error();
      if (system_error == 0) return {.error = StreamError::truncated};
      return {.error = {system_error, boost::system::system_category()}};
    default: {
      broken_ = true;
      return {.error = take_error()};
    }
  }
}

Step TlsStream::handshake() noexcept {
  errno = 0;
  const Step step = outcome(SSL_do_handshake(ssl_.get()), 0);
  // Otherwise the buffers go with the first read that finds nothing, and many connections open without a
  // request.
  if (step.need == Need::nothing && !step.error) SSL_free_buffers(ssl_.get());
  return step;
}

void TlsStream::withhold_session() noexcept {
  handshake_.withhold();
  // A ticket would come within the handshake, and could not be taken back.
  SSL_set_options(ssl_.get(), SSL_OP_NO_TICKET);
}

void TlsStream::issue_session() noexcept {
  if (!handshake_.may_issue() || SSL_is_init_finished(ssl_.get()) != 1) return;
  if (!tls13()) return Engine::store(ssl_.get());
  SSL_clear_options(ssl_.get(), SSL_OP_NO_TICKET);
  if (SSL_new_session_ticket(ssl_.get()) == 1) {
    ticket_due_ = true;
  } else {
    ERR_clear_error();
  }
}

Step TlsStream::read_some(void* data, std::size_t size) noexcept {
  errno = 0;
  std::size_t bytes = 0;
  const int result = SSL_read_ex(ssl_.get(), data, size, &bytes);
  return outcome(result, bytes);
}

Step TlsStream::write_some(const void* data, std::size_t size) noexcept {
  errno = 0;
  std::size_t bytes = 0;
  const int result = SSL_write_ex(ssl_.get(), data, size, &bytes);
  return outcome(result, bytes);
}

Step TlsStream::shutdown() noexcept {
  // Nobody reads behind an end of file, and the answer to a write would be RST.
  if (BIO_eof(SSL_get_rbio(ssl_.get()))) return {};
  if (ticket_due_) {  // OpenSSL refuses to shut down with a message of the handshake still to be sent
    const Step sent = handshake();
    if (sent.error || sent.need != Need::nothing) return sent;
    ticket_due_ = false;
  }
  errno = 0;
  const int result = SSL_shutdown(ssl_.get());
  return outcome(result == 0 ? 1 : result, 0);  // 0: ours is sent, the peer's has not come
}

}  // namespace sluice::tls
