#include "cluster/channel.hpp"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include "cluster/identity.hpp"

namespace sluice::cluster {

namespace asio = boost::asio;
using boost::system::error_code;

Channel::Channel(PeerSocket socket, asio::ssl::context& context)
    : stream_(std::move(socket), context), watchdog_(stream_.get_executor()), read_buffer_(kReadSize) {
  error_code ignored;
  stream_.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
}

/// Closes the connection unless it is armed anew, or disarmed, in time: every pending operation then ends.
void Channel::watch(Duration patience) {
  timed_out_ = false;
  watchdog_.expires_after(patience);
  watchdog_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->watchdog_.expiry() > Monotonic::now()) return;
    self->timed_out_ = true;
    self->close();
  });
}

void Channel::unwatch() noexcept { watchdog_.expires_at(Monotonic::time_point::max()); }

Task<error_code> Channel::handshake(Side side, Duration patience) {
  const auto self = shared_from_this();
  side_ = side;
  error_code error;
  watch(patience);
  const auto type = side == Side::dialed ? asio::ssl::stream_base::client : asio::ssl::stream_base::server;
  co_await stream_.async_handshake(type, asio::redirect_error(use_task, error));
  unwatch();
  if (timed_out_) error = asio::error::timed_out;
  if (!error) name_ = peer_name(stream_.native_handle());
  co_return error;
}

void Channel::send(const Message& message) {
  if (!open() || finishing_) return;
  if (pending_.size() > kPendingMax) return close();
  append(message, pending_);
  if (std::exchange(writing_, true)) return;
  asio::co_spawn(stream_.get_executor(), write(shared_from_this()), asio::detached);
}

Task<void> Channel::write(std::shared_ptr<Channel> self) {
  error_code error;
  while (!self->pending_.empty() && !error) {
    const tls::SecretBuffer batch = std::exchange(self->pending_, {});
    co_await asio::async_write(self->stream_, asio::buffer(batch), asio::redirect_error(use_task, error));
  }
  self->writing_ = false;
  if (error || self->finishing_) self->close();
}

Task<boost::system::result<Message>> Channel::receive(Duration patience) {
  const auto self = shared_from_this();
  while (true) {
    auto next = inbox_.next();
    if (!next) co_return next.error();
    if (next->has_value()) co_return **std::move(next);
    error_code error;
    watch(patience);
    const std::size_t count =
        co_await stream_.async_read_some(asio::buffer(read_buffer_), asio::redirect_error(use_task, error));
    unwatch();
    if (timed_out_) error = asio::error::timed_out;
    if (error) co_return error;
    inbox_.add({read_buffer_.data(), count});
  }
}

asio::ip::address Channel::remote() const noexcept {
  error_code ignored;
  return stream_.next_layer().remote_endpoint(ignored).address();
}

void Channel::finish() {
  finishing_ = true;
  if (!writing_) close();
}

void Channel::close() noexcept {
  error_code ignored;
  unwatch();
  stream_.next_layer().close(ignored);
}

}  // namespace sluice::cluster
