#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "base/clock.hpp"
#include "server/task.hpp"

/// Waiting for sockets.
namespace sluice::server {

class Socket;

/// Of one processor: an epoll of its own, in which every connection is registered once, edge-triggered, and
/// which Asio watches as one descriptor. Asio itself would register a socket again before each wait, a system
/// call for each request; so it is one for all events that come together. One thread.
class Poller {
 public:
  /// Throws std::system_error.
  explicit Poller(const Executor& executor);

  /// Wakes who waits, until stop().
  Task<void> run();
  void stop() noexcept;

  const Executor& executor() const noexcept { return executor_; }

 private:
  friend class Socket;
  std::size_t look();

  const Executor executor_;
  boost::asio::posix::basic_stream_descriptor<Executor> epoll_;
  Monotonic::time_point looked_at_{};  // when the last events were taken from the kernel
};

/// A connected, non-blocking socket that it owns, and for which one coroutine at a time can wait. Stays where
/// it is, and lives until that coroutine has gone on, which may be after close(). Of its poller's processor.
///
/// Edges, not levels: readable is told once for all that came. So who waits must have seen that there is
/// nothing left: a system call that found nothing, or a read that got less than it asked for.
class Socket {
 public:
  enum class Until : std::uint8_t { readable, writable };
  /// Whether what was told of the socket before the wait is old, as a system call has just found nothing.
  enum class Told : std::uint8_t { nothing_since, counts };

  /// When the kernel can't watch one more, every wait ends at once.
  Socket(Poller& poller, int fd) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  int fd() const noexcept { return fd_; }
  const Executor& executor() const noexcept { return poller_.executor(); }

  /// False when it was cancelled. The end of the peer's stream and errors make a socket readable, errors also
  /// writable, from then on.
  Task<bool> wait(Until until, Told told);
  /// Ends the wait, if there is one, with false; also one that has ended but whose coroutine has not gone on
  /// yet.
  void cancel() noexcept;
  /// When the poller had been told of what ended the last wait for something to read; the end of time when
  /// that was something else.
  Monotonic::time_point told_at() const noexcept { return told_at_; }
  /// Sends FIN; more may be received.
  void end_sending() noexcept;
  void close() noexcept;
  /// To be called before the end of one whose descriptor is a duplicate: the kernel goes on to watch what
  /// another descriptor keeps open (epoll(7), questions and answers, 6).
  void unwatch() noexcept;

 private:
  friend class Poller;
  using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<Executor>, void(bool)>::handler_type;

  void on_events(std::uint32_t events);
  void begin(Handler handler, Until until, Told told);
  bool watch(int operation, std::uint32_t events) noexcept;
  bool ready() const noexcept;
  bool& told(Until until) noexcept { return until == Until::readable ? readable_ : writable_; }
  void end_wait(bool ready);

  Poller& poller_;
  int fd_;
  bool watched_ = false, watches_writes_ = false;
  bool readable_ = false, writable_ = false;  // told, and nobody waited
  bool ended_ = false, broken_ = false;       // the peer's FIN; an error
  Until until_ = Until::readable;
  bool resuming_ = false;  // the wait has ended, its coroutine is about to go on
  bool outcome_ = false;   // of the wait
  Monotonic::time_point told_at_ = Monotonic::time_point::max();
  std::optional<Handler> waiting_;
};

}  // namespace sluice::server
