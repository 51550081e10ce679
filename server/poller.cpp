#include "server/poller.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

namespace sluice::server {

namespace {

namespace asio = boost::asio;

constexpr int kEventsMax = 64;
/// With so many events at a time more are likely to be there than it costs to look without being told.
constexpr std::size_t kMany = 4;

int make_epoll() {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "can't make an epoll");
  return fd;
}

}  // namespace

Poller::Poller(const Executor& executor) : executor_(executor), epoll_(executor, make_epoll()) {}

Task<void> Poller::run() {
  boost::system::error_code error;
  while (epoll_.is_open()) {
    if (look() >= kMany) {
      co_await asio::post(executor_, use_task);
    } else {
      co_await epoll_.async_wait(decltype(epoll_)::wait_read, asio::redirect_error(use_task, error));
    }
  }
}

void Poller::stop() noexcept {
  boost::system::error_code ignored;
  epoll_.close(ignored);
}

/// -> how many events there were.
std::size_t Poller::look() {
  std::array<epoll_event, kEventsMax> events;
  const int count = ::epoll_wait(epoll_.native_handle(), events.data(), kEventsMax, 0);
  if (count <= 0) return 0;
  looked_at_ = Monotonic::now();
  for (int i = 0; i < count; ++i) static_cast<Socket*>(events[i].data.ptr)->on_events(events[i].events);
  return static_cast<std::size_t>(count);
}

// ---------------------------------------------------------------------------------------------------------------

Socket::Socket(Poller& poller, int fd) noexcept : poller_(poller), fd_(fd) {
  watched_ = watch(EPOLL_CTL_ADD, 0);
}

Socket::~Socket() {
  close();
  assert(!resuming_ && "a coroutine waits for a socket that is no more");
}

bool Socket::watch(int operation, std::uint32_t events) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLET | events;
  event.data.ptr = this;
  return ::epoll_ctl(poller_.epoll_.native_handle(), operation, fd_, &event) == 0;
}

Task<bool> Socket::wait(Until until, Told told) {
  return asio::async_initiate<const asio::use_awaitable_t<Executor>&, void(bool)>(
      [this, until, told](Handler handler) { begin(std::move(handler), until, told); }, use_task);
}

void Socket::begin(Handler handler, Until until, Told told) {
  until_ = until;
  told_at_ = Monotonic::time_point::max();
  if (told == Told::nothing_since) this->told(until) = false;
  waiting_.emplace(std::move(handler));
  if (until == Until::writable && !watches_writes_) {
    watches_writes_ = true;
    watched_ = watched_ && watch(EPOLL_CTL_MOD, EPOLLOUT);
  }
  if (!watched_ || ready()) end_wait(watched_);
}

bool Socket::ready() const noexcept {
  return broken_ || (until_ == Until::readable ? readable_ || ended_ : writable_);
}

void Socket::on_events(std::uint32_t events) {
  readable_ = readable_ || (events & EPOLLIN) != 0;
  writable_ = writable_ || (events & EPOLLOUT) != 0;
  ended_ = ended_ || (events & EPOLLRDHUP) != 0;
  broken_ = broken_ || (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (!waiting_ || !ready()) return;
  if (until_ == Until::readable) told_at_ = poller_.looked_at_;
  end_wait(true);
}

/// Not on the spot: whoever waits comes after what is ready already.
void Socket::end_wait(bool ready) {
  if (ready) told(until_) = false;
  outcome_ = ready;
  resuming_ = true;
  Handler handler = std::move(*waiting_);
  waiting_.reset();
  // The coroutine keeps what the socket is part of.
  asio::post(poller_.executor_, [this, handler = std::move(handler)]() mutable {
    resuming_ = false;
    std::move(handler)(outcome_);
  });
}

void Socket::cancel() noexcept {
  if (waiting_) end_wait(false);
  if (!resuming_ || !outcome_) return;
  outcome_ = false;
  told(until_) = true;  // but not to who was told so
  told_at_ = Monotonic::time_point::max();
}

void Socket::end_sending() noexcept { ::shutdown(fd_, SHUT_WR); }

void Socket::unwatch() noexcept {
  if (std::exchange(watched_, false))
    ::epoll_ctl(poller_.epoll_.native_handle(), EPOLL_CTL_DEL, fd_, nullptr);
}

void Socket::close() noexcept {
  cancel();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));  // which also takes it out of the epoll
}

}  // namespace sluice::server
