#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/tls/flight_bio.hpp"
#include "server/tls/key_export.hpp"
#include "server/tls/record_layer.hpp"
#include "server/tls/session_store.hpp"
#include "server/tls/tls_stream.hpp"

namespace sluice::tls {

/// What the streams of a processor share while they are at work, so that they own nothing but keys while they
/// are idle. Must outlive them.
struct RecordBuffers {
  AeadCache aead{};
  Flight flight{};
  /// Of a handshake's step. What is left of it behind the handshake fits into what read_some() is given.
  std::vector<std::uint8_t> input = std::vector<std::uint8_t>(16 * 1024);
  std::vector<std::uint8_t> output = std::vector<std::uint8_t>(96 * 1024);  ///< Of one write.
};

/// OpenSSL does the handshake, in memory; then its keys go to a RecordLayer and it is freed. One system call
/// for each flight and each write.
///
/// Tickets of TLS 1.3, which end the handshake, wait for the first response, or for read_some() to find
/// nothing: a client that has sent its request behind its Finished gets both at once.
class RecordStream final : public TlsStream {
 public:
  RecordStream(int fd, SSL_CTX& context, HandshakeGuard* guard, RecordBuffers& buffers);
  RecordStream(int fd, SSL_CTX& context, RecordBuffers& buffers, const StreamState& state);
  ~RecordStream() override;

  Step handshake() override;
  Step read_some(std::span<char> buffer) override;
  Step write_some(std::string_view plain) override;
  Step shutdown(bool half_closed) override;
  bool pending() const noexcept override { return !raw_.empty() || end_; }
  bool drained() const noexcept override { return drained_; }
  bool unsent() const noexcept override { return !unsent_.empty(); }
  bool wants_end() const noexcept override { return layer_ && layer_->wants_end(); }
  std::optional<StreamState> state() const override;

 private:
  struct Opening;  // what only the handshake needs

  Step advance();
  Step finish();
  Step receive(std::span<std::uint8_t> into) noexcept;
  Step write(std::string_view plain, int flags);
  Step flush() { return write_some({}); }
  void open_all(std::span<std::uint8_t> received, std::size_t& plain);
  void end_with(const Opened& opened);
  std::size_t record_size(std::size_t left) const noexcept;

  const int fd_;
  SSL_CTX& context_;
  RecordBuffers& buffers_;
  std::unique_ptr<Opening> opening_;
  std::optional<RecordLayer> layer_;                       // after the handshake
  std::string raw_;                                        // received and not opened: a part of a record
  std::string unsent_;                                     // sealed, and the socket did not take it
  std::uint64_t burst_ = 0;                                // sent since something was received
  boost::system::error_code end_;                          // what the next read says
  std::array<std::uint8_t, kSessionIdSize> session_id_{};  // of a session that may be stored, up to TLS 1.2
  bool has_session_id_ = false;
  bool peer_gone_ = false;  // without a word
  bool drained_ = false;    // the last recv(2) got less than it asked for
};

}  // namespace sluice::tls
