#include "server/listener.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace sluice::server {

namespace {

[[noreturn]] void fail(const Endpoint& endpoint) {
  const int error = errno;
  throw std::runtime_error("can't listen on " + endpoint_text(endpoint) + ": " + std::strerror(error));
}

void set_option(const Listener& owner, int fd, int level, int name, int value) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) fail(owner.endpoint());
}

Listener bind_one(const Endpoint& endpoint, bool reuse_port) {
  const int fd = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail(endpoint);
  Listener owner(fd, endpoint);
  set_option(owner, fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (reuse_port) set_option(owner, fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (endpoint.protocol() == boost::asio::ip::tcp::v6()) set_option(owner, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) fail(endpoint);
  Endpoint bound;
  auto size = static_cast<socklen_t>(bound.capacity());
  if (::getsockname(fd, bound.data(), &size) != 0) fail(endpoint);
  bound.resize(size);
  return {owner.release(), bound};
}

Listener listen_one(const Endpoint& endpoint, int backlog) {
  Listener bound = bind_one(endpoint, true);
  const int fd = bound.release();
  Listener owner(fd, bound.endpoint());
  set_up_connection(fd);
  set_option(owner, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
             1);  // wake up for a connection that has said something
  if (::listen(fd, backlog) != 0) fail(endpoint);
  return owner;
}

}  // namespace

Listener::~Listener() {
  if (fd_ >= 0) ::close(fd_);
}

void set_up_connection(int fd) noexcept {
  constexpr int kNotSent = 64 * 1024;
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kNotSent, sizeof kNotSent);
}

std::string endpoint_text(const Endpoint& endpoint) {
  const auto address = endpoint.address();
  const std::string host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  return host + ":" + std::to_string(endpoint.port());
}

Endpoint parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  const auto wrong = [&] {
    return std::runtime_error("\"" + text + "\" is not an address such as 127.0.0.1:8443 or [::1]:8443");
  };
  if (colon == std::string::npos) throw wrong();
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  const std::string_view digits = std::string_view(text).substr(colon + 1);
  unsigned short port = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  boost::system::error_code bad_address;
  const auto address = boost::asio::ip::make_address(host, bad_address);
  if (digits.empty() || ec != std::errc{} || end != digits.data() + digits.size() || bad_address)
    throw wrong();
  return {address, port};
}

std::vector<Listener> listen_on(const Endpoint& endpoint, unsigned count, int backlog,
                                std::vector<Listener> inherited) {
  std::vector<Listener> listeners = std::move(inherited);
  if (listeners.empty()) {
    if (endpoint.port() != 0) bind_one(endpoint, false);  // taken by another process? closed again at once
    listeners.push_back(listen_one(endpoint, backlog));
  }
  const Endpoint bound = listeners.front().endpoint();
  while (listeners.size() < count) listeners.push_back(listen_one(bound, backlog));
  return listeners;
}

int backlog_within_time(double cpus, int most) noexcept {
  constexpr double kTime_s = 0.1;
  constexpr double kRefusal_s = 25e-6;  // docs/admission.md, "What it does, measured"
  const double worth = std::clamp(cpus * kTime_s / kRefusal_s, double{kShortBacklog}, 1e6);
  return std::min(most, static_cast<int>(std::lround(worth)));
}

}  // namespace sluice::server
