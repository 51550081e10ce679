#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "server/connection.hpp"
#include "server/processor.hpp"
#include "server/relay_header.hpp"
#include "server/tls/client_hello.hpp"

/// The first part of a connection's life: hello, gate, handshake.
namespace sluice::server {

namespace {

constexpr std::string_view kHttpsOnly =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 69\r\n"
    "Connection: close\r\n\r\nThis port speaks HTTPS. Use https:// in front of the address instead.";
static_assert(kHttpsOnly.size() - kHttpsOnly.find("\r\n\r\n") - 4 == 69);

/// A record with the fatal alert decode_error (RFC 8446 section 6).
constexpr std::string_view kDecodeError{"\x15\x03\x03\x00\x02\x02\x32", 7};

}  // namespace

// ---------------------------------------------------------------------------------------------

Task<Connection::Next> Connection::read_hello() {
  arm(processor_.config().limits.hello_timeout);
  auto& scratch = processor_.scratch();
  const std::size_t most = std::min<std::size_t>(scratch.size(), processor_.config().limits.hello_bytes + 1);
  std::size_t seen = 0;
  HelloClass kind = HelloClass::silent;
  auto next = Next::drop;
  for (int idle_rounds = 0; idle_rounds < 3;) {
    const ssize_t n = ::recv(fd(), scratch.data(), most, MSG_PEEK);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) break;  // gone
    const auto have = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    if (have > seen && !relayed_ && begins_relay_header(as_bytes({scratch.data(), have}))) {
      if (!take_relay_header(as_bytes({scratch.data(), have}), seen)) {
        kind = HelloClass::not_tls;
        break;
      }
      if (expected_) {
        cancel();
        const int one = 1;  // it may have come in pieces
        ::setsockopt(fd(), SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
        co_return Next::arrive;
      }
      if (relayed_) continue;
      idle_rounds = 0;
    } else if (have > seen) {
      next = judge_hello(as_bytes({scratch.data(), have}), kind);
      if (kind != HelloClass::silent) break;
      idle_rounds = 0;
    } else {
      ++idle_rounds;  // readable without news: the peer has closed its side
    }
    seen = have;
    // The bytes stay in the socket, which would be readable at once: wait for more than there are.
    const int more = static_cast<int>(have + 1);
    if (have > 0) ::setsockopt(fd(), SOL_SOCKET, SO_RCVLOWAT, &more, sizeof more);
    const bool readable = co_await ready(tls::Need::readable);
    at_work();
    if (!readable) break;
  }
  if (expired_) processor_.counters().hit(Limit::hello_timeout);
  if (seen > 0) {
    const int one = 1;
    ::setsockopt(fd(), SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
  }
  processor_.counters().hellos[static_cast<std::size_t>(kind)].add();
  if (kind == HelloClass::http) co_await end_without_tls(kHttpsOnly);
  if (kind == HelloClass::malformed) co_await end_without_tls(kDecodeError);
  co_return next;
}

bool Connection::take_relay_header(Bytes peeked, std::size_t& seen) {
  if (processor_.peers() == nullptr) return false;
  const auto header = read_relay_header(peeked, *processor_.tls().ticket_keys().ring(), wall_now());
  if (!header) return header.error() == RelayError::need_more;
  if (::recv(fd(), processor_.scratch().data(), header->header_size, 0) !=
      static_cast<ssize_t>(header->header_size))
    return false;
  relayed_ = true;
  processor_.recount(origin_.address, origin_of(header->client).address);
  origin_ = origin_of(header->client);
  peer_.address = header->client.address().to_string();
  seen = 0;
  if (header->handover) {
    expected_ = std::make_unique<HandoverKey>(*header->handover);
    return true;
  }
  processor_.peers()->received();
  return true;
}

/// Leaves `kind` at `silent` while the bytes are a good prefix.
Connection::Next Connection::judge_hello(Bytes peeked, HelloClass& kind) {
  auto hello =
      tls::classify(peeked, processor_.tls().issuer(), wall_now(), processor_.config().limits.hello_bytes);
  if (hello) {
    screened_ = std::make_unique<tls::Screened>(std::move(*hello));
    kind = screened_->proof.record ? HelloClass::resuming : HelloClass::fresh;
    return Next::proceed;
  }
  switch (static_cast<tls::HelloError>(hello.error().value())) {
    case tls::HelloError::need_more: return Next::drop;
    case tls::HelloError::http: kind = HelloClass::http; return Next::drop;
    case tls::HelloError::not_tls: kind = HelloClass::not_tls; return Next::drop;
    case tls::HelloError::too_large:
      kind = HelloClass::too_large;
      processor_.counters().hit(Limit::hello_bytes);
      return Next::drop;
    case tls::HelloError::malformed: break;
  }
  kind = HelloClass::malformed;
  return Next::drop;
}

/// The last word to a peer with whom there is no TLS.
Task<void> Connection::end_without_tls(std::string_view answer) {
  if (::send(fd(), answer.data(), answer.size(), MSG_NOSIGNAL) < 0) co_return;
  enter(ConnectionState::closing);
  arm(processor_.config().limits.close_timeout);
  co_await linger();
}

Task<Connection::Next> Connection::handshake() {
  enter(ConnectionState::handshake);
  arm(processor_.config().limits.handshake_timeout);
  tls_ = tls::make_stream(fd(), processor_.tls().context(), this, processor_.record_buffers(),
                          grant_ == Grant::explain ? tls::Issue::later : tls::Issue::in_handshake);
  const auto started = Monotonic::now();
  while (true) {
    const tls::Step step = tls_->handshake();
    if (step.error) {
      const bool forged = step.error == tls::StreamError::protocol;
      end_handshake(forged ? Ending::forged : Ending::failed);
      co_return Next::drop;
    }
    if (step.need == tls::Need::nothing) break;
    const bool go_on = co_await ready(step.need);
    at_work();
    if (!go_on) {
      if (expired_) processor_.counters().hit(Limit::handshake_timeout);
      end_handshake(Ending::failed);
      co_return Next::drop;
    }
  }
  if (screened_) peer_.server_name = screened_->hello.server_name();
  peer_.tls_version = tls_->version_name();
  peer_.resumed = tls_->resumed();
  auto& counters = processor_.counters();
  auto& handshakes =
      counters
          .handshakes[static_cast<std::size_t>(peer_.resumed ? HandshakeKind::resumed : HandshakeKind::full)];
  handshakes.ok[static_cast<std::size_t>(tls_->tls13() ? TlsVersion::tls13 : TlsVersion::tls12)].add();
  handshakes.duration.observe(std::chrono::duration<double>(Monotonic::now() - started).count());
  end_handshake(Ending::finished);
  co_return Next::proceed;
}

}  // namespace sluice::server
