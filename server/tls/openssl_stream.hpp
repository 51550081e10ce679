#pragma once
#include "base/handle.hpp"
#include "server/tls/handshake.hpp"
#include "server/tls/tls_stream.hpp"

namespace sluice::tls {

/// OpenSSL from the first byte to the last. It reads and writes the socket itself (`SSL_set_fd`), and its
/// buffers are freed while the connection is idle.
class OpensslStream final : public TlsStream {
 public:
  OpensslStream(int fd, SSL_CTX& context, HandshakeGuard* guard, Issue issue);
  ~OpensslStream() override;

  Step handshake() override;
  Step read_some(std::span<char> buffer) override;
  Step write_some(std::string_view plain) override;
  Step shutdown(bool half_closed) override;
  /// In TLS 1.3 by a ticket, sent with the next write or by shutdown(); up to TLS 1.2 by storing the session.
  void issue_session() override;
  bool pending() const noexcept override { return SSL_has_pending(ssl_.get()) == 1; }
  bool drained() const noexcept override { return drained_; }

 private:
  Step outcome(int result, std::size_t bytes = 0) noexcept;

  Handshake handshake_;
  Handle<SSL, SSL_free> ssl_;
  bool ticket_due_ = false;  // issue_session()'s may not be sent yet
  bool drained_ = false;     // the last read found nothing
  bool broken_ = false;      // a fatal alert went one way or the other
};

}  // namespace sluice::tls
