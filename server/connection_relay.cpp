#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "server/connection.hpp"
#include "server/processor.hpp"
#include "server/relay_header.hpp"

/// Newcomers that another member serves: their bytes pass through, and nothing of theirs is understood here.
namespace sluice::server {

namespace {

constexpr std::chrono::milliseconds kConnectPatience{250};
/// Without a byte in either direction: the other member ends idle connections long before.
constexpr std::chrono::minutes kQuiet{10};
/// Then others have their turn.
constexpr std::size_t kAtOnce = 64 * 1024;

int begin_connect(const Endpoint& to) noexcept {
  const int fd = ::socket(to.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  if (::connect(fd, to.data(), static_cast<socklen_t>(to.size())) == 0 || errno == EINPROGRESS) return fd;
  ::close(fd);
  return -1;
}

bool connected(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

Endpoint end_of(int fd, int (*name)(int, sockaddr*, socklen_t*)) {
  Endpoint end;
  auto size = static_cast<socklen_t>(end.capacity());
  if (name(fd, end.data(), &size) == 0) end.resize(size);
  return end;
}

}  // namespace

/// Both ends of a relayed connection. The way back runs in a coroutine of its own, which keeps this.
struct Connection::Relay {
  Relay(Socket& near_socket, Poller& poller, int fd) : near(near_socket), far(poller, fd) {}

  Socket& near;                                      ///< The client's.
  Socket far;                                        ///< The member's.
  Socket *slow_near = nullptr, *slow_far = nullptr;  ///< Through which a slow receiver is waited for.
  bool cut = false;
  bool back_ended = false;
  Turn* waiting = nullptr;  ///< Who waits for the way back to end.

  void end() noexcept {
    cut = true;
    for (Socket* socket : {&near, &far, slow_near, slow_far}) {
      if (socket != nullptr) socket->cancel();
    }
  }
};

Endpoint Connection::peer_end() const { return end_of(fd(), ::getpeername); }
Endpoint Connection::local_end() const { return end_of(fd(), ::getsockname); }

void Connection::end_relay() noexcept {
  if (relay_ != nullptr) relay_->end();
}

void Connection::finish_relay() noexcept {
  if (relay_ != nullptr && state_ == ConnectionState::relayed) relay_->far.end_sending();
}

bool Connection::may_be_delegated() const noexcept {
  const Peers* const peers = processor_.peers();
  return peers != nullptr && !relayed_ && peers->may_place();
}

/// True when the connection was another member's to serve, and is over.
Task<bool> Connection::delegated(bool no_room) {
  if (!may_be_delegated()) co_return false;
  Peers* const peers = processor_.peers();
  const auto target = peers->place(no_room);
  if (!target) co_return false;
  const auto relay = co_await reach(target->endpoint, std::nullopt);
  if (!relay) {
    peers->placed(*target, false);
    co_return false;
  }
  peers->placed(*target, true);
  processor_.counters().count(Outcome::new_delegated);
  screened_.reset();
  co_await pass_on(relay);
  book(Work::relay);
  co_return true;
}

/// Null when the member can't be reached in time. The hello is still unread.
Task<std::shared_ptr<Connection::Relay>> Connection::reach(Endpoint target,
                                                           std::optional<HandoverKey> handover) {
  const auto ring = processor_.tls().ticket_keys().ring();
  const std::string header = relay_header(ring->current(), peer_end(), local_end(), wall_now(), handover);
  const int to = header.empty() ? -1 : begin_connect(target);
  if (to < 0) co_return nullptr;
  auto relay = std::make_shared<Relay>(socket_, processor_.poller(), to);
  relay_ = relay.get();
  arm(kConnectPatience);
  const bool writable = co_await relay->far.wait(Socket::Until::writable, Socket::Told::counts);
  at_work();
  relay_ = nullptr;
  cancel();
  const bool reached =
      writable && !expired_ && !aborted_ && connected(to) &&
      ::send(to, header.data(), header.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(header.size());
  expired_ = false;
  if (!reached) co_return nullptr;
  co_return relay;
}

Task<void> Connection::pass_on(std::shared_ptr<Relay> relay) {
  enter(ConnectionState::relayed);
  processor_.relay_begins(*this);
  relay_ = relay.get();
  arm(kQuiet);
  Turn back(socket_.executor());
  relay->waiting = &back;
  boost::asio::co_spawn(socket_.executor(), way_back(relay), boost::asio::detached);
  co_await pass(relay->near, relay->far, *relay);
  if (!relay->back_ended) co_await back.wait();
  at_work();
  relay->waiting = nullptr;
  relay_ = nullptr;
}

/// This connection lives until it has ended.
Task<void> Connection::way_back(std::shared_ptr<Relay> relay) {
  co_await pass(relay->far, relay->near, *relay);
  if (!relay->cut) arm(processor_.config().limits.close_timeout);  // the client has all it will get
  relay->back_ended = true;
  if (relay->waiting != nullptr) relay->waiting->end(true);
}

/// Everything from one end to the other, until the first has no more. An end that breaks breaks both.
Task<void> Connection::pass(Socket& from, Socket& to, Relay& relay) {
  std::size_t at_once = 0;
  while (!relay.cut) {
    at_work();
    auto& scratch = processor_.scratch();
    const ssize_t n = ::recv(from.fd(), scratch.data(), scratch.size(), 0);
    if (n == 0) {
      to.end_sending();
      co_return;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) break;
    if (n < 0) {
      at_once = 0;
      if (!co_await from.wait(Socket::Until::readable, Socket::Told::nothing_since)) break;
      // Who has heard the member's last word has nothing more to say to it.
      arm(relay.back_ended ? processor_.config().limits.close_timeout : kQuiet);
      continue;
    }
    const auto count = static_cast<std::size_t>(n);
    const ssize_t sent = ::send(to.fd(), scratch.data(), count, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) break;
    const auto done = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    if (done < count) {
      std::string rest(scratch.data() + done, count - done);
      if (!co_await pass_slowly(std::move(rest), to, relay)) break;
    }
    at_once += count;
    if (at_once < kAtOnce) continue;
    at_once = 0;
    co_await yield();
  }
  relay.end();
}

/// The receiver is slow. Somebody else waits for what it sends, so the waiting here is through a second
/// descriptor.
Task<bool> Connection::pass_slowly(std::string rest, Socket& to, Relay& relay) {
  const int second = ::dup(to.fd());
  if (second < 0) co_return false;
  Socket writer(processor_.poller(), second);
  Socket*& slow = &to == &relay.near ? relay.slow_near : relay.slow_far;
  slow = &writer;
  arm(processor_.config().limits.write_timeout);
  bool fine = true;
  for (std::size_t at = 0; at < rest.size() && fine;) {
    fine = co_await writer.wait(Socket::Until::writable, Socket::Told::nothing_since);
    at_work();
    if (!fine || relay.cut) break;
    const ssize_t sent = ::send(second, rest.data() + at, rest.size() - at, MSG_NOSIGNAL);
    fine = sent >= 0 || errno == EAGAIN;
    at += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  }
  slow = nullptr;
  writer.unwatch();
  arm(kQuiet);
  co_return fine && !relay.cut;
}

}  // namespace sluice::server
