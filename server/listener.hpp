#pragma once
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

/// Listening sockets, made before any thread starts.
namespace sluice::server {

using Endpoint = boost::asio::ip::tcp::endpoint;

/// Owns a listening TCP socket.
class Listener {
 public:
  Listener(int fd, Endpoint endpoint) noexcept : fd_(fd), endpoint_(std::move(endpoint)) {}
  Listener(Listener&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), endpoint_(std::move(other.endpoint_)) {}
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  const Endpoint& endpoint() const noexcept { return endpoint_; }
  int fd() const noexcept { return fd_; }
  /// Hands over the descriptor.
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
  Endpoint endpoint_;
};

/// "127.0.0.1:8443", "[::1]:8443": as parse_endpoint() takes it, and as it stands in a URL.
std::string endpoint_text(const Endpoint& endpoint);

/// "host:port", "[v6]:port"; host is an address or "localhost". Throws with a sentence.
Endpoint parse_endpoint(const std::string& text);

/// As a server wants a TCP connection: TCP_NODELAY, and no more in the kernel that waits to be sent than
/// keeps it busy (TCP_NOTSENT_LOWAT), as a connection can't move before that has gone. Accepted sockets
/// inherit it.
void set_up_connection(int fd) noexcept;

/// `count` sockets on the same address, between which the kernel spreads connections (SO_REUSEPORT). They are
/// non-blocking, set up for their connections, and with TCP_DEFER_ACCEPT. Throws with a
/// sentence, also when another process already listens there (which SO_REUSEPORT alone would let pass). Port
/// 0 picks one port for all. `inherited`: those that are open already, all of which are kept, also when that
/// makes more.
std::vector<Listener> listen_on(const Endpoint& endpoint, unsigned count, int backlog,
                                std::vector<Listener> inherited = {});

/// Places of a kernel queue that is kept short, at least.
inline constexpr int kShortBacklog = 128;

/// Places in a processor's kernel queue, of `most` that are configured: no more connections than it turns
/// away in 100 ms with these CPUs, as work for who has waited longer is done too late. At least
/// kShortBacklog, unless fewer are configured.
int backlog_within_time(double cpus, int most) noexcept;

}  // namespace sluice::server
