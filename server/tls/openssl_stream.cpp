#include "server/tls/openssl_stream.hpp"

#include <cerrno>
#include <new>

#include <openssl/err.h>

#include "server/tls/engine.hpp"
#include "server/tls/ssl_outcome.hpp"

namespace sluice::tls {

OpensslStream::OpensslStream(int fd, SSL_CTX& context, HandshakeGuard* guard, Issue issue)
    : handshake_(guard), ssl_(SSL_new(&context)) {
  if (!ssl_ || SSL_set_fd(ssl_.get(), fd) != 1) throw std::bad_alloc{};
  handshake_.attach(ssl_.get());
  SSL_set_read_ahead(ssl_.get(), 1);  // header and body of a record in one system call
  SSL_set_accept_state(ssl_.get());
  if (issue == Issue::in_handshake) return;
  handshake_.withhold();
  // A ticket would come within the handshake, and could not be taken back.
  SSL_set_options(ssl_.get(), SSL_OP_NO_TICKET);
}

OpensslStream::~OpensslStream() {
  // SSL_free() takes a session that was not shut down out of the cache, and many clients end without
  // close_notify.
  if (!broken_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Step OpensslStream::outcome(int result, std::size_t bytes) noexcept {
  Step step = outcome_of(*ssl_, result);
  step.bytes = bytes;
  const bool fatal = step.error && step.error.category() == stream_category() &&
                     step.error != StreamError::closed && step.error != StreamError::truncated;
  broken_ = broken_ || fatal;
  return step;
}

Step OpensslStream::handshake() {
  errno = 0;
  const Step step = outcome(SSL_do_handshake(ssl_.get()));
  if (step.need != Need::nothing || step.error) return step;
  note_outcome(*ssl_);
  // Otherwise the buffers go with the first read that finds nothing, and many connections open without a
  // request.
  SSL_free_buffers(ssl_.get());
  return step;
}

void OpensslStream::issue_session() {
  if (!handshake_.may_issue() || SSL_is_init_finished(ssl_.get()) != 1) return;
  if (!tls13()) return Engine::store(ssl_.get());
  SSL_clear_options(ssl_.get(), SSL_OP_NO_TICKET);
  if (SSL_new_session_ticket(ssl_.get()) == 1) {
    ticket_due_ = true;
  } else {
    ERR_clear_error();
  }
}

Step OpensslStream::read_some(std::span<char> buffer) {
  errno = 0;
  std::size_t bytes = 0;
  const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &bytes);
  const Step step = outcome(result, bytes);
  drained_ = step.need == Need::readable;
  return step;
}

Step OpensslStream::write_some(std::string_view plain) {
  if (plain.empty()) return {};
  errno = 0;
  std::size_t bytes = 0;
  const int result = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &bytes);
  return outcome(result, bytes);
}

Step OpensslStream::shutdown(bool) {
  // Nobody reads behind an end of file, and the answer to a write would be RST.
  if (BIO_eof(SSL_get_rbio(ssl_.get()))) return {};
  if (ticket_due_) {  // OpenSSL refuses to shut down with a message of the handshake still to be sent
    const Step sent = handshake();
    if (sent.error || sent.need != Need::nothing) return sent;
    ticket_due_ = false;
  }
  errno = 0;
  const int result = SSL_shutdown(ssl_.get());
  return outcome(result == 0 ? 1 : result);  // 0: ours is sent, the peer's has not come
}

}  // namespace sluice::tls
