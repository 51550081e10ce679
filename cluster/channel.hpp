#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cluster/protocol.hpp"
#include "server/task.hpp"

/// Messages over one connection between two members.
namespace sluice::cluster {

using PeerSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

/// Used on its executor's thread only. Held by shared_ptr: operations keep it alive.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  using Duration = std::chrono::milliseconds;
  /// What may wait to be sent: a peer that takes no more is one that hangs.
  static constexpr std::size_t kPendingMax = 4 << 20;
  static constexpr std::size_t kReadSize = 16 * 1024;

  Channel(PeerSocket socket, boost::asio::ssl::context& context);

  enum class Side { none, dialed, accepted };
  /// Within `patience`. Afterwards name() says who it is, by its certificate.
  Task<boost::system::error_code> handshake(Side side, Duration patience);
  const std::string& name() const noexcept { return name_; }
  Side side() const noexcept { return side_; }

  /// Goes out behind what waits already. Does nothing once the channel is closed; closes it when too much
  /// waits.
  void send(const Message& message);
  /// As much can be sent without that.
  bool fits(std::size_t size) const noexcept { return pending_.size() + size <= kPendingMax; }
  /// The next message, or why there is none: also when none came within `patience`.
  Task<boost::system::result<Message>> receive(Duration patience);
  /// Sends what waits, and then closes; what comes meanwhile is not read. For a last word.
  void finish();
  void close() noexcept;
  /// The other side's address; none once it is closed.
  boost::asio::ip::address remote() const noexcept;
  bool open() const noexcept { return stream_.next_layer().is_open(); }

 private:
  static Task<void> write(std::shared_ptr<Channel> self);
  void watch(Duration patience);
  void unwatch() noexcept;

  boost::asio::ssl::stream<PeerSocket> stream_;
  boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor> watchdog_;
  std::string name_;
  Side side_ = Side::none;
  Inbox inbox_;
  tls::SecretBuffer read_buffer_;
  tls::SecretBuffer pending_;
  bool writing_ = false;
  bool finishing_ = false;
  bool timed_out_ = false;
};

using ChannelPtr = std::shared_ptr<Channel>;

}  // namespace sluice::cluster
