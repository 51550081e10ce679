#include "server/tls/record_stream.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "server/tls/engine.hpp"
#include "server/tls/handshake.hpp"
#include "server/tls/key_schedule.hpp"
#include "server/tls/ssl_outcome.hpp"

namespace sluice::tls {

namespace {

/// More than that and nothing is read before it is on its way: who asks for answers has to take them.
constexpr std::size_t kUnsentMax = 16 * 1024;

/// Of one write; the rest of the buffer is for alerts and the like.
constexpr std::size_t kOutputMax = 72 * 1024;

// What fits into the first window of TCP (RFC 6928: ten segments) arrives at once, and is one record. What
// does not begins with a record that fits into one packet, and goes on with records of few packets, so that
// the client can begin to work, until it is large and takes large ones.
constexpr std::size_t kSmall = 12 * 1024, kFirstRecord = 1360, kEarlyRecord = 4096, kEarly = 16 * 1024;

void release(std::string& buffer) noexcept { std::string().swap(buffer); }

}  // namespace

struct RecordStream::Opening {
  Handshake handshake;
  Handle<SSL, SSL_free> ssl;
  TrafficSecrets secrets{};
  Flights flights{};
  bool wants_input = true;

  Opening(SSL_CTX& context, HandshakeGuard* guard) : handshake(guard), ssl(SSL_new(&context)) {
    if (!ssl) throw std::bad_alloc{};
  }
};

RecordStream::RecordStream(int fd, SSL_CTX& context, HandshakeGuard* guard, RecordBuffers& buffers)
    : fd_(fd), context_(context), buffers_(buffers), opening_(std::make_unique<Opening>(context, guard)) {
  SSL* const ssl = opening_->ssl.get();
  BIO* const bio = make_flight_bio(buffers.flight).release();
  SSL_set_bio(ssl, bio, bio);
  SSL_set_read_ahead(ssl, 0);  // what is behind the handshake stays with us
  opening_->handshake.attach(ssl);
  SSL_set_accept_state(ssl);
}

RecordStream::RecordStream(int fd, SSL_CTX& context, RecordBuffers& buffers, const StreamState& state)
    : fd_(fd), context_(context), buffers_(buffers), raw_(state.received), unsent_(state.unsent) {
  layer_.emplace(state.keys, buffers_.aead);
  note_outcome(state.resumed, state.keys.write.suite.tls13());
  has_session_id_ = state.session_id.has_value();
  if (state.session_id) session_id_ = *state.session_id;
}

RecordStream::~RecordStream() {
  if (opening_ && !end_) SSL_set_shutdown(opening_->ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

// --- handshake
// --------------------------------------------------------------------------------------------------------

Step RecordStream::handshake() {
  while (true) {
    const Step sent = flush();
    if (!opening_ || sent.error || sent.need != Need::nothing) return sent;
    if (opening_->wants_input && raw_.empty()) {
      const Step received = receive(buffers_.input);
      if (received.error == StreamError::closed) return {.error = StreamError::truncated};
      if (received.error || received.need != Need::nothing) return received;
      raw_.assign(reinterpret_cast<const char*>(buffers_.input.data()), received.bytes);
    }
    const Step step = advance();
    if (step.error) {
      end_ = step.error;
      flush();  // the alert, if there is one and the socket takes it
      return step;
    }
    if (!opening_) return layer_->state().write.suite.tls13() ? step : flush();
    opening_->wants_input = step.need == Need::readable;
    if (step.need == Need::grant) return step;
  }
}

/// Lets OpenSSL work with what has been received.
Step RecordStream::advance() {
  Opening& opening = *opening_;
  Flight& flight = buffers_.flight;
  const std::string received = std::exchange(raw_, {});
  flight.in = as_bytes(received);
  // If another connection's step was cut short for want of memory, that is not for this one.
  flight.out.clear();
  errno = 0;
  const Step step = [&] {
    const SecretsTap tap(opening.secrets);
    return outcome_of(*opening.ssl, SSL_do_handshake(opening.ssl.get()));
  }();
  opening.flights.note(as_bytes(flight.out));
  raw_.assign(reinterpret_cast<const char*>(flight.in.data()), flight.in.size());
  unsent_ += flight.out;
  flight.in = {};
  flight.out.clear();
  if (step.error || step.need != Need::nothing) return step;
  return finish();
}

Step RecordStream::finish() {
  Opening& opening = *opening_;
  SSL* const ssl = opening.ssl.get();
  const auto state = export_keys(*ssl, opening.secrets, opening.flights);
  if (!state) return {.error = StreamError::protocol};  // not with the suites of make_context()
  note_outcome(*ssl);
  layer_.emplace(*state, buffers_.aead);
  if (!tls13()) {
    unsigned size = 0;
    const unsigned char* id = SSL_SESSION_get_id(SSL_get_session(ssl), &size);
    has_session_id_ = size == session_id_.size();
    if (has_session_id_) std::copy(id, id + size, session_id_.begin());
  }
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // else the session would go with it
  opening_.reset();
  return {};
}

// --- records
// ----------------------------------------------------------------------------------------------------------

/// One recv(2). `closed` at the end of the stream.
Step RecordStream::receive(std::span<std::uint8_t> into) noexcept {
  ssize_t n = 0;
  do {
    n = ::recv(fd_, into.data(), into.size(), 0);
  } while (n < 0 && errno == EINTR);
  drained_ = n < static_cast<ssize_t>(into.size());
  if (n > 0) return {.bytes = static_cast<std::size_t>(n)};
  if (n == 0) {
    peer_gone_ = true;
    return {.error = StreamError::closed};
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {.need = Need::readable};
  return {.error = {errno, boost::system::system_category()}};
}

Step RecordStream::read_some(std::span<char> buffer) {
  if (end_) return {.error = end_};
  if (unsent_.size() > kUnsentMax) {
    const Step sent = flush();
    if (sent.error || sent.need != Need::nothing) return sent;
  }
  const std::span<std::uint8_t> bytes{reinterpret_cast<std::uint8_t*>(buffer.data()), buffer.size()};
  std::size_t have = raw_.size();
  std::memcpy(bytes.data(), raw_.data(), have);
  release(raw_);
  std::size_t plain = 0;
  if (have > 0) open_all(bytes.first(have), plain);  // what came with the handshake
  while (plain == 0 && !end_) {
    have = raw_.size();
    std::memcpy(bytes.data(), raw_.data(), have);
    const Step received = receive(bytes.subspan(have));
    if (received.error) return received;
    if (received.need != Need::nothing) {
      const Step sent = flush();
      return sent.error ? sent : received;
    }
    release(raw_);
    open_all(bytes.first(have + received.bytes), plain);
  }
  if (plain == 0) return {.error = end_};
  burst_ = 0;
  return {.bytes = plain};
}

/// Opens every whole record and moves what it says to the front; keeps what is left.
void RecordStream::open_all(std::span<std::uint8_t> received, std::size_t& plain) {
  auto rest = received;
  while (!end_) {
    const Opened opened = layer_->open(rest, unsent_);
    rest = rest.subspan(opened.consumed);
    if (opened.what == Opened::What::need_more) break;
    if (opened.what == Opened::What::data) {
      std::memmove(received.data() + plain, opened.data.data(), opened.data.size());
      plain += opened.data.size();
    } else if (opened.what != Opened::What::nothing) {
      end_with(opened);
    }
  }
  raw_.assign(reinterpret_cast<const char*>(rest.data()), end_ ? 0 : rest.size());
}

void RecordStream::end_with(const Opened& opened) {
  if (opened.what == Opened::What::closed) {
    end_ = StreamError::closed;
    return;
  }
  const bool violation = opened.what == Opened::What::violation;
  end_ = violation ? StreamError::protocol : StreamError::peer_alert;
  if (has_session_id_) Engine::of(context_).sessions().remove(session_id_);
  if (!violation) return;
  layer_->append_alert(opened.alert, unsent_);
  flush();
}

/// Of the next one, when `left` bytes are to be sent.
std::size_t RecordStream::record_size(std::size_t left) const noexcept {
  if (burst_ == 0) return left <= kSmall ? kSmall : kFirstRecord;
  return burst_ < kEarly ? kEarlyRecord : kPlaintextMax;
}

Step RecordStream::write_some(std::string_view plain) { return write(plain, 0); }

/// `flags`: of send(2), beside MSG_NOSIGNAL.
Step RecordStream::write(std::string_view plain, int flags) {
  const std::span<std::uint8_t> out{buffers_.output};
  std::size_t filled = unsent_.size();
  if (filled == 0 && plain.empty()) return {};
  if (filled > out.size()) std::terminate();
  std::memcpy(out.data(), unsent_.data(), filled);
  Step step;
  while (step.bytes < plain.size()) {
    const Bytes piece = as_bytes(plain.substr(step.bytes, record_size(plain.size() - step.bytes)));
    if (filled + RecordLayer::sealed_max(piece.size()) > kOutputMax) break;
    const std::size_t sealed = layer_->seal(piece, out.subspan(filled));
    if (sealed == 0) return {.error = StreamError::closed};
    filled += sealed;
    step.bytes += piece.size();
    burst_ += piece.size();
  }
  ssize_t sent = 0;
  do {
    sent = ::send(fd_, out.data(), filled, MSG_NOSIGNAL | flags);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
    return {.error = {errno, boost::system::system_category()}};
  const std::size_t gone = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  if (gone == filled) {
    release(unsent_);
    return step;
  }
  unsent_.assign(reinterpret_cast<const char*>(out.data()) + gone, filled - gone);
  step.need = Need::writable;
  return step;
}

std::optional<StreamState> RecordStream::state() const {
  if (end_ || !layer_ || !layer_->between_messages()) return std::nullopt;
  StreamState state{.keys = layer_->state(), .received = raw_, .unsent = unsent_, .resumed = resumed()};
  if (has_session_id_) state.session_id = session_id_;
  return state;
}

Step RecordStream::shutdown(bool half_closed) {
  if ((peer_gone_ && !half_closed) || !layer_)
    return {};  // nobody reads any more, and the answer to a write would be RST
  layer_->append_alert(Alert::close_notify, unsent_);
  return write({}, MSG_MORE);  // in one packet with the FIN that comes now
}

}  // namespace sluice::tls
