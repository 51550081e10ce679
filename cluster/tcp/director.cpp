#include "cluster/tcp/director.hpp"

#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <boost/asio/post.hpp>

#include "cluster/tcp/sockaddr.hpp"

namespace sluice::cluster::tcp {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kNever{1'000'000'000};

Descriptor udp_socket(int family) {
  return Descriptor{::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP)};
}

int listen_at(const Endpoint& endpoint) {
  const SocketAddress address(endpoint);
  Descriptor socket = udp_socket(address.family());
  if (!socket || ::bind(socket.get(), address.data(), address.size()) != 0)
    throw std::runtime_error("can't take orders at " + text_of(endpoint) + ": " + std::strerror(errno));
  return socket.release();
}

std::uint64_t wall_ms() noexcept {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

Director::Director(asio::io_context& io, const Endpoint& listen, tls::SecretBytes secret, CarryOut carry_out)
    : secret_(std::move(secret)),
      carry_out_(std::move(carry_out)),
      socket_(io.get_executor(), listen_at(listen)) {
  wait();
}

void Director::wait() {
  socket_.async_wait(decltype(socket_)::wait_read, [this](const auto& error) {
    if (error) return;
    while (read_one()) continue;
    wait();
  });
}

bool Director::read_one() {
  std::array<std::uint8_t, kOrderSize + 1> bytes;
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  const auto count = ::recvfrom(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT,
                                reinterpret_cast<sockaddr*>(&from), &length);
  if (count < 0) return false;
  const auto order = open_order({bytes.data(), static_cast<std::size_t>(count)}, secret_);
  const auto look = order ? book_.look(*order, wall_ms()) : FlipBook::Look{.fresh = false};
  if (!look.fresh) {
    ++counts_.rejected;
    return true;
  }
  const auto answer = seal(FlipAnswer{order->nonce, result_of(*order, look)}, secret_);
  ::sendto(socket_.native_handle(), answer.data(), answer.size(), MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&from), length);
  return true;
}

FlipResult Director::result_of(const FlipOrder& order, const FlipBook::Look& look) {
  if (look.answer) return *look.answer;
  const FlipResult result = carry_out_(order.flip);
  ++(result == FlipResult::done ? counts_.carried_out : counts_.refused);
  book_.answered(order, result);
  return result;
}

RemoteRedirector::RemoteRedirector(asio::io_context& io, tls::SecretBytes secret)
    : io_(io), secret_(std::move(secret)), timer_(io.get_executor()) {
  for (auto* const socket : {&v4_, &v6_}) {
    Descriptor made = udp_socket(socket == &v4_ ? AF_INET : AF_INET6);
    if (!made) continue;
    *socket = std::make_unique<Socket>(io.get_executor(), made.release());
    wait(**socket);
  }
}

void RemoteRedirector::flip(const Endpoint& home, const Flip& flip, std::function<void(Failure)> done) {
  FlipOrder order{.time_ms = wall_ms(), .flip = flip};
  const bool random = ::getrandom(&order.nonce, sizeof order.nonce, 0) == sizeof order.nonce;
  if (!random || waiting_.size() >= kWaitingMax) {
    asio::post(io_, [done = std::move(done)] { done("too many orders wait for an answer"); });
    return;
  }
  Waiting& waiting = waiting_[order.nonce];
  waiting = {.home = home, .datagram = seal(order, secret_), .done = std::move(done)};
  send(waiting);
  watch();
}

void RemoteRedirector::send(Waiting& waiting) {
  const auto& socket = waiting.home.v4() ? v4_ : v6_;
  const SocketAddress address(waiting.home);
  if (socket)
    ::sendto(socket->native_handle(), waiting.datagram.data(), waiting.datagram.size(), MSG_DONTWAIT,
             address.data(), address.size());
  ++waiting.tries;
  waiting.next = Monotonic::now() + kPatience;
}

void RemoteRedirector::watch() {
  auto next = Monotonic::now() + kNever;
  for (const auto& [nonce, waiting] : waiting_) next = std::min(next, waiting.next);
  timer_.expires_at(next);
  timer_.async_wait([this](const auto& error) {
    if (error) return;
    const auto now = Monotonic::now();
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      const auto each = at++;
      if (each->second.next > now) continue;
      if (each->second.tries < kTries)
        send(each->second);
      else
        finish(each, "nobody answers at " + text_of(each->second.home));
    }
    watch();
  });
}

void RemoteRedirector::wait(Socket& socket) {
  socket.async_wait(Socket::wait_read, [this, &socket](const auto& error) {
    if (error) return;
    read(socket.native_handle());
    wait(socket);
  });
}

void RemoteRedirector::read(int socket) {
  std::array<std::uint8_t, kAnswerSize + 1> bytes;
  while (true) {
    const auto count = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && errno == ECONNREFUSED) continue;  // of an earlier order; its patience ends by itself
    if (count < 0) return;
    const auto answer = open_answer({bytes.data(), static_cast<std::size_t>(count)}, secret_);
    const auto at = answer ? waiting_.find(answer->nonce) : waiting_.end();
    if (at == waiting_.end()) continue;
    finish(at, answer->result == FlipResult::done ? Failure{} : Failure{text_of(answer->result)});
  }
}

void RemoteRedirector::finish(std::map<std::uint64_t, Waiting>::iterator at, Failure why) {
  const auto done = std::move(at->second.done);
  waiting_.erase(at);
  done(std::move(why));
}

tls::SecretBytes read_secret(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  tls::SecretBuffer bytes;
  bytes.reserve(kSecretMax + 1);
  for (char c = 0; bytes.size() <= kSecretMax && in.get(c);) bytes.push_back(static_cast<std::uint8_t>(c));
  if (bytes.size() < kSecretMin || bytes.size() > kSecretMax)
    throw std::runtime_error("the secret " + file + " can't be read, or has not 32 to 4096 bytes");
  return tls::SecretBytes{Bytes{bytes}};
}

}  // namespace sluice::cluster::tcp
