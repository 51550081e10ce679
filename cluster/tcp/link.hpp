#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "base/descriptor.hpp"
#include "cluster/tcp/messages.hpp"
#include "server/task.hpp"

/// Messages with descriptors, over a Unix SOCK_SEQPACKET socket.
namespace sluice::cluster::tcp {

/// Used on its executor's thread only. Held by shared_ptr: operations keep it alive.
class Link : public std::enable_shared_from_this<Link> {
 public:
  static constexpr std::size_t kPendingMax = 4096;  ///< Messages that the other side does not take.

  using OnMessage = std::function<void(Message, Descriptor)>;
  using OnEnd = std::function<void(const std::string& why)>;

  Link(boost::asio::io_context& io, Descriptor socket);
  /// `message` is called for each that comes, `end` once, when nothing more does; neither after close().
  void start(OnMessage message, OnEnd end);
  /// Does nothing once it is closed.
  void send(const Message& message, Descriptor beside = {});
  void close() noexcept;
  bool open() const noexcept { return socket_.is_open(); }

 private:
  struct Outgoing {
    std::vector<std::uint8_t> bytes;
    Descriptor beside;
  };

  void wait();
  void read();
  bool read_one();
  bool write_one(const Outgoing& outgoing);
  void write();
  void end(const std::string& why);

  boost::asio::posix::basic_stream_descriptor<Executor> socket_;
  OnMessage on_message_;
  OnEnd on_end_;
  std::deque<Outgoing> pending_;
  bool writing_ = false;
};

}  // namespace sluice::cluster::tcp
