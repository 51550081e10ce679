#include "cluster/tcp/link.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/rights.hpp"

namespace sluice::cluster::tcp {

Link::Link(boost::asio::io_context& io, Descriptor socket) : socket_(io.get_executor(), socket.release()) {}

void Link::start(OnMessage message, OnEnd end) {
  on_message_ = std::move(message);
  on_end_ = std::move(end);
  wait();
}

void Link::wait() {
  socket_.async_wait(decltype(socket_)::wait_read, [self = shared_from_this()](const auto& error) {
    if (!error) self->read();
  });
}

void Link::read() {
  while (open() && read_one()) continue;
  if (open()) wait();
}

/// False: there is none at the moment, or ever.
bool Link::read_one() {
  std::array<std::uint8_t, kMessageMax + 1> bytes;
  Rights rights;
  iovec into{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &into;
  header.msg_iovlen = 1;
  rights.expect(header);
  const auto count = ::recvmsg(socket_.native_handle(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return errno == EINTR;
  if (count <= 0) {
    end(count == 0 ? "it hung up" : std::strerror(errno));
    return false;
  }
  auto beside = descriptors_of(header);
  auto message = decode({bytes.data(), static_cast<std::size_t>(count)}, beside.size());
  if (!message) {
    end(message.error().message());
    return false;
  }
  const auto self = shared_from_this();
  const auto handler = on_message_;  // which may close us
  if (handler) handler(*std::move(message), beside.empty() ? Descriptor{} : std::move(beside.front()));
  return true;
}

void Link::send(const Message& message, Descriptor beside) {
  if (!open()) return;
  if (pending_.size() >= kPendingMax) return end("it takes no messages");
  pending_.push_back({encode(message), std::move(beside)});
  if (!writing_) write();
}

/// False: the other side has no room.
bool Link::write_one(const Outgoing& outgoing) {
  iovec from{const_cast<std::uint8_t*>(outgoing.bytes.data()), outgoing.bytes.size()};
  Rights rights;
  msghdr header{};
  header.msg_iov = &from;
  header.msg_iovlen = 1;
  if (outgoing.beside) rights.put(header, outgoing.beside.get());
  if (::sendmsg(socket_.native_handle(), &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
  return errno != EAGAIN && errno != EINTR;  // of a broken link reading tells
}

void Link::write() {
  while (open() && !pending_.empty()) {
    if (!write_one(pending_.front())) {
      writing_ = true;
      socket_.async_wait(decltype(socket_)::wait_write, [self = shared_from_this()](const auto& error) {
        self->writing_ = false;
        if (!error) self->write();
      });
      return;
    }
    pending_.pop_front();
  }
}

void Link::end(const std::string& why) {
  const auto self = shared_from_this();
  const auto handler = std::exchange(on_end_, {});
  close();
  if (handler) handler(why);
}

void Link::close() noexcept {
  boost::system::error_code ignored;
  socket_.close(ignored);
  pending_.clear();
  on_message_ = {};
  on_end_ = {};
}

}  // namespace sluice::cluster::tcp
