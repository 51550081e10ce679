#include "server/tls/tls_stream.hpp"

#include "base/error.hpp"
#include "server/tls/openssl_stream.hpp"
#include "server/tls/record_stream.hpp"

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

}  // namespace

const boost::system::error_category& stream_category() noexcept {
  static const StreamCategory category;
  return category;
}

boost::system::error_code make_error_code(StreamError error) noexcept {
  return {static_cast<int>(error), stream_category()};
}

std::unique_ptr<TlsStream> make_stream(int fd, SSL_CTX& context, HandshakeGuard* guard,
                                       RecordBuffers* buffers, Issue issue) {
  if (buffers != nullptr && issue == Issue::in_handshake)
    return std::make_unique<RecordStream>(fd, context, guard, *buffers);
  return std::make_unique<OpensslStream>(fd, context, guard, issue);
}

std::unique_ptr<TlsStream> make_stream(int fd, SSL_CTX& context, RecordBuffers& buffers,
                                       const StreamState& state) {
  return std::make_unique<RecordStream>(fd, context, buffers, state);
}

}  // namespace sluice::tls
