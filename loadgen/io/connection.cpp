#include "loadgen/io/connection.hpp"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <boost/algorithm/string/predicate.hpp>

namespace sluice::loadgen {
namespace {

Cause cause_of(int system_error) noexcept {
  switch (system_error) {
    case 0: return Cause::fin;
    case ECONNRESET:
    case ECONNREFUSED:
    case EPIPE: return Cause::rst;
    case ETIMEDOUT: return Cause::timeout;
    case EADDRNOTAVAIL: return Cause::no_ports;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return Cause::no_descriptors;
    default: return Cause::unreachable;
  }
}

Bytes bytes_of(const void* data, std::size_t size) noexcept {
  return {static_cast<const std::uint8_t*>(data), size};
}

/// A field of `--header` takes the place of ours of that name (RFC 9112 section 3.2: one Host, not two).
std::string head_of(const Options& options) {
  const auto given = [&](std::string_view name) {
    return std::ranges::any_of(options.headers, [&](const std::string& header) {
      return boost::algorithm::istarts_with(header, name);
    });
  };
  std::string head = " HTTP/1.1\r\n";
  if (!given("Host:")) head += "Host: " + options.target.authority + "\r\n";
  if (!given("User-Agent:")) head += "User-Agent: sluice-load\r\n";
  for (const auto& header : options.headers) head += header + "\r\n";
  return head;
}

/// The ID of a session that only the server's store knows; tickets and PSKs have none that says anything.
Bytes stateful_id(const SSL_SESSION* session) noexcept {
  if (session == nullptr || SSL_SESSION_get_protocol_version(session) != TLS1_2_VERSION ||
      SSL_SESSION_has_ticket(session))
    return {};
  unsigned size = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &size);
  return bytes_of(id, size);
}

}  // namespace

Wire::Wire(Loop& its_loop, const Options& its_options, const Address& its_target, unsigned thread,
           Tally& its_tally)
    : loop(its_loop),
      options(its_options),
      target(its_target),
      sources(its_options.sources, its_target, thread),
      tls(make_client_context(its_options.tls, its_options.resume.kind != Resume::Kind::session_id)),
      tally(its_tally),
      head(head_of(its_options)) {
  Connection::install_callbacks(tls.get());
}

void Wire::note_unreachable(Cause cause) {
  if (connected_once) return;
  const std::string where = options.target.text();
  if (cause == Cause::rst) unreachable = "nobody listens at " + where + ": connection refused.";
  if (cause == Cause::timeout) unreachable = where + " does not answer within the timeout.";
  if (cause == Cause::unreachable) unreachable = "there is no way to " + where + ".";
}

void Connection::install_callbacks(SSL_CTX* context) {
  SSL_CTX_sess_set_new_cb(context, [](SSL* tls, SSL_SESSION* session) {
    static_cast<Connection*>(SSL_get_app_data(tls))->owner_.on_session(TlsSession{session});
    return 1;  // we own it now
  });
  SSL_CTX_set_msg_callback(
      context, [](int sent, int, int type, const void* data, std::size_t size, SSL* tls, void*) {
        if (type == SSL3_RT_HANDSHAKE)
          static_cast<Connection*>(SSL_get_app_data(tls))->on_message(sent != 0, bytes_of(data, size));
      });
}

Connection::~Connection() {
  if (fd_ < 0) return;
  if (response_) wire_.tally.requests.bytes_received += response_->bytes();  // it never became whole
  // OpenSSL forgets the session of a connection that ended without close_notify; ours are to be offered
  // again.
  if (tls_) SSL_set_shutdown(tls_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  wire_.loop.remove(fd_, *this);
  ::close(fd_);
  --wire_.open;
}

void Connection::open(TlsSession session, std::size_t source) {
  began_ = Monotonic::now();
  offered_ = std::move(session);
  ++wire_.tally.connections.attempted;
  const auto opened = open_connection(wire_.target, wire_.sources, source);
  if (!opened) return fail(cause_of(opened.error().value()));
  fd_ = *opened;
  ++wire_.open;
  if (!wire_.loop.add(fd_, *this)) fail(Cause::no_descriptors);
}

Step Connection::step() const noexcept {
  switch (stage_) {
    case Stage::connecting: return Step::connect;
    case Stage::handshaking: return Step::handshake;
    default: return first_byte_seen_ ? Step::body : Step::first_byte;
  }
}

void Connection::on_ready(std::uint32_t events) {
  switch (stage_) {
    case Stage::connecting: return finish_connect();
    case Stage::handshaking: return handshake();
    case Stage::exchanging:
      if (!unsent_.empty() && (events & EPOLLOUT) != 0 && !flush()) events |= EPOLLRDHUP;
      [[fallthrough]];
    case Stage::idle:
      if ((events & ~std::uint32_t{EPOLLOUT}) != 0) read(events);
  }
}

void Connection::finish_connect() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail(cause_of(error));
  wire_.connected_once = true;
  ++wire_.tally.connections.established;
  const auto now = Monotonic::now();
  wire_.tally.latency[at(Phase::connect)].record(now - began_);
  began_ = now;
  stage_ = Stage::handshaking;
  tls_ = make_connection(wire_.tls.get(), wire_.options);
  if (!tls_ || SSL_set_fd(tls_.get(), fd_) != 1) return fail(Cause::no_descriptors);
  SSL_set_app_data(tls_.get(), this);
  if (offered_) SSL_set_session(tls_.get(), offered_.get());
  handshake();
}

void Connection::handshake() {
  const int result = SSL_do_handshake(tls_.get());
  if (result == 1) return finish_handshake();
  if (const auto cause = why(result)) fail(*cause);
}

void Connection::finish_handshake() {
  auto& tally = wire_.tally;
  auto& ledger = tally.connections.resumption[tls13_ ? 1 : 0];
  ++ledger.offered[at(offer_)];
  if (offer_ != Offer::none) ++(accepted_ ? ledger.accepted : ledger.declined)[at(offer_)];
  ++(accepted_ ? tally.connections.handshakes_resumed : tally.connections.handshakes_full);
  tally.latency[at(accepted_ ? Phase::handshake_resumed : Phase::handshake_full)].record(Monotonic::now() -
                                                                                         began_);
  offered_.reset();
  stage_ = Stage::idle;
  owner_.on_established(accepted_);
}

void Connection::send(std::string_view request, bool keep_body) {
  response_ = std::make_unique<HttpResponse>(keep_body);
  first_byte_seen_ = false;
  stage_ = Stage::exchanging;
  ++wire_.tally.requests.sent;
  wire_.tally.requests.bytes_sent += request.size();
  unsent_ = request;
  if (!flush()) read(EPOLLRDHUP);
}

// False when the peer is gone; what it said before that (an alert, a 503) may still be there to read.
bool Connection::flush() {
  while (!unsent_.empty()) {
    std::size_t sent = 0;
    const int result = SSL_write_ex(tls_.get(), unsent_.data(), unsent_.size(), &sent);
    if (result == 1) {
      unsent_.erase(0, sent);
      continue;
    }
    if (!why(result)) return true;  // the next edge goes on
    unsent_.clear();
    return false;
  }
  return true;
}

void Connection::read_pending() {
  if (SSL_has_pending(tls_.get()) == 1) read(0);
}

void Connection::read(std::uint32_t events) {
  while (true) {
    std::size_t size = 0;
    const int result = SSL_read_ex(tls_.get(), wire_.scratch.get(), Wire::kScratch, &size);
    if (result != 1) {
      const auto cause = why(result);
      if (!cause) return;
      if (stage_ == Stage::idle) return owner_.on_idle_close();
      const bool whole =
          *cause == Cause::fin && first_byte_seen_ && response_->end() == HttpResponse::State::done;
      if (!whole) return fail(*cause);
      peer_closed_ = true;
      return finish_response(0);
    }
    if (stage_ == Stage::idle)
      return owner_.on_idle_close();  // bytes nobody asked for: not to be used any more
    if (!std::exchange(first_byte_seen_, true)) owner_.on_first_byte();
    switch (response_->put({wire_.scratch.get(), size})) {
      case HttpResponse::State::more: break;
      case HttpResponse::State::broken: return fail(Cause::protocol);
      case HttpResponse::State::done: return finish_response(events);
    }
  }
}

// An end that came together with the response gives no further edge, so it is looked for now.
void Connection::finish_response(std::uint32_t events) {
  const bool more = SSL_has_pending(tls_.get()) == 1 || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (more && !peer_closed_) {
    std::size_t size = 0;
    const int result = SSL_read_ex(tls_.get(), wire_.scratch.get(), Wire::kScratch, &size);
    peer_closed_ = result == 1 || why(result).has_value();
  }
  peer_closed_ |= !response_->reusable();
  stage_ = Stage::idle;
  ++served_;
  const auto response = std::move(response_);  // pages are not kept while their reader thinks
  owner_.on_response(*response);
}

void Connection::close() noexcept {
  if (tls_ && established() && !peer_closed_) {
    SSL_shutdown(tls_.get());
    ERR_clear_error();
  }
}

void Connection::fail(Cause cause) {
  const Step where = step();
  if (where == Step::handshake) book_failed_handshake();
  owner_.on_failed(where, cause);
}

// What it offered is known, what the server would have chosen is not.
void Connection::book_failed_handshake() noexcept {
  const bool tls13 = offer_ == Offer::psk ||
                     (offer_ == Offer::none && wire_.options.tls.version != TlsOptions::Version::v12);
  ++wire_.tally.connections.handshakes_failed;
  ++wire_.tally.connections.resumption[tls13 ? 1 : 0].offered[at(offer_)];
}

std::optional<Cause> Connection::why(int result) {
  const int system_error = errno;
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return std::nullopt;
    case SSL_ERROR_ZERO_RETURN: return Cause::fin;
    case SSL_ERROR_SYSCALL: ERR_clear_error(); return cause_of(system_error);
    default: break;
  }
  const int reason = ERR_GET_REASON(ERR_peek_error());
  ERR_clear_error();
  if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return Cause::fin;
  if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255) return Cause::alert;
  const long verified = SSL_get_verify_result(tls_.get());
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
    wire_.untrusted = "the certificate of " + wire_.options.target.text() + " is not trusted (" +
                      X509_verify_cert_error_string(verified) +
                      "): --ca FILE trusts it, --insecure skips the check.";
  return Cause::tls;
}

void Connection::on_message(bool sent, Bytes message) noexcept {
  if (message.empty()) return;
  if (sent && message[0] == SSL3_MT_CLIENT_HELLO) {
    offer_ = offer_of(message, stateful_id(offered_.get()));
    const Bytes id = session_id_of(message);
    hello_id_size_ = static_cast<std::uint8_t>(std::min(id.size(), hello_id_.size()));
    std::copy_n(id.begin(), hello_id_size_, hello_id_.begin());
  } else if (!sent && message[0] == SSL3_MT_SERVER_HELLO) {
    const auto choice = choice_of(message);
    if (!choice || choice->retry) return;
    tls13_ = choice->tls13;
    const bool echoed = !choice->session_id.empty() &&
                        std::ranges::equal(choice->session_id, Bytes{hello_id_.data(), hello_id_size_});
    accepted_ = offer_ != Offer::none && (tls13_ ? choice->psk : echoed);
  }
}

}  // namespace sluice::loadgen
