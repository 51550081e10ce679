#include "loadgen/io/attack_connection.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <openssl/err.h>

namespace sluice::loadgen {

AttackConnection::~AttackConnection() {
  if (socket_ < 0) return;
  loop_.remove(socket_, *this);
  ::close(socket_);
}

void AttackConnection::open(const Address& to, Sources& sources, std::chrono::nanoseconds timeout) {
  const auto opened = open_connection(to, sources, sources.take());
  if (!opened) return finish(AttackEnd::failed);
  socket_ = *opened;
  if (!loop_.add(socket_, *this)) return finish(AttackEnd::failed);
  ends_at_ = Monotonic::now() + timeout;
  loop_.arm(*this, ends_at_);
}

void AttackConnection::stop() { finish(connected_ ? end_by_us() : AttackEnd::failed); }

void AttackConnection::settle(AttackEnd end) {
  if (settled_) return;
  settled_ = true;
  owner_.on_settled(*this, end);
}

void AttackConnection::finish(AttackEnd end) {
  settle(end);
  owner_.on_gone(*this);
}

void AttackConnection::wake_at(Monotonic::time_point when) noexcept {
  loop_.arm(*this, std::min(when, ends_at_));
}

void AttackConnection::on_ready(std::uint32_t) {
  if (!connected()) return finish(AttackEnd::failed);
  on_io();
}

void AttackConnection::on_expired() {
  if (deadline() >= ends_at_) return stop();
  on_tick();
}

// The first event of a socket is the end of its connect().
bool AttackConnection::connected() noexcept {
  if (connected_) return true;
  int error = 0;
  socklen_t size = sizeof error;
  connected_ = ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  if (connected_) on_connected();
  return connected_;
}

void RawClient::on_io() {
  if (!receive()) return;
  if (!begun_ || manner_ != Manner::byte_by_byte) send();
  begun_ = true;
}

void RawClient::on_tick() { send(); }

AttackEnd RawClient::end_by_us() const { return AttackEnd::held; }

// A send that fails is no verdict: the reason waits to be read.
void RawClient::send() {
  if (!hello_) return;
  const bool slowly = manner_ == Manner::byte_by_byte;
  const std::size_t size = slowly ? 1 : hello_->size() - sent_;
  const auto sent = ::send(socket(), hello_->data() + sent_, size, MSG_NOSIGNAL);
  if (sent > 0) sent_ += static_cast<std::uint32_t>(sent);
  if (sent < 0 && errno == ECONNRESET) reset_ = true;  // the socket tells it only once
  if (sent_ == hello_->size()) hello_.reset();
  wake_at(slowly && hello_ ? Monotonic::now() + kByteInterval : Monotonic::time_point::max());
}

bool RawClient::receive() {
  std::array<std::uint8_t, 4096> buffer;
  while (true) {
    const auto received = ::recv(socket(), buffer.data(), buffer.size(), 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (received <= 0) {
      finish(received == 0 && !reset_ ? AttackEnd::fin : AttackEnd::rst);
      return false;
    }
    const auto seen = reply_.feed(Bytes{buffer.data(), static_cast<std::size_t>(received)});
    if (seen == ReplyScan::Seen::handshake) settle(AttackEnd::answered);
    if (seen == ReplyScan::Seen::fatal_alert) settle(AttackEnd::alert);
    if (settled() && manner_ == Manner::until_reply) {
      finish(AttackEnd::held);  // it was settled: only closes
      return false;
    }
  }
}

TlsClient::TlsClient(Loop& loop, AttackOwner& owner, TlsConnection tls, TlsSession offered)
    : AttackConnection(loop, owner), tls_(std::move(tls)) {
  if (offered) SSL_set_session(tls_.get(), offered.get());
}

void TlsClient::on_io() {
  if (SSL_get_fd(tls()) < 0) SSL_set_fd(tls(), socket());
  if (SSL_is_init_finished(tls()) == 0) {
    ERR_clear_error();
    const int returned = SSL_do_handshake(tls());
    if (returned != 1) {
      const int error = SSL_get_error(tls(), returned);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) finish(end_of_step(returned));
      return;
    }
  }
  on_established();
}

void TlsClient::on_established() {
  settle(SSL_session_reused(tls()) == 1 ? AttackEnd::resumed : AttackEnd::finished);
  SSL_shutdown(tls());
  take_tls_errors();
  stop();
}

// Once the server has said anything of the handshake, the client waits for something other than its hello's
// answer.
AttackEnd TlsClient::end_by_us() const {
  const auto state = SSL_get_state(tls_.get());
  return state == TLS_ST_BEFORE || state == TLS_ST_CW_CLNT_HELLO ? AttackEnd::held : AttackEnd::answered;
}

AttackEnd TlsClient::end_of_step(int returned) {
  const int system_error = errno;
  const int error = SSL_get_error(tls(), returned);
  const bool alert = error == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) > SSL_AD_REASON_OFFSET;
  take_tls_errors();
  if (end_by_us() == AttackEnd::answered) return AttackEnd::answered;
  if (alert) return AttackEnd::alert;
  return error == SSL_ERROR_SYSCALL && system_error != 0 ? AttackEnd::rst : AttackEnd::fin;
}

}  // namespace sluice::loadgen
