#include "loadgen/io/loop.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "loadgen/error.hpp"

namespace sluice::loadgen {

struct Loop::Pending {
  std::array<epoll_event, kBatch> events{};
  int count = 0;
  int next = 0;
};

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), pass_time_(Monotonic::now()) {
  if (epoll_ < 0) throw RunError(std::string("epoll_create1: ") + std::strerror(errno));
  epoll_event none{};
  const timespec at_once{};
  if (::epoll_pwait2(epoll_, &none, 1, &at_once, nullptr) < 0 && errno == ENOSYS)
    throw RunError("this kernel has no epoll_pwait2; Linux 5.11 and newer have");
}

Loop::~Loop() { ::close(epoll_); }

bool Loop::add(int fd, Watched& watched) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watched;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Loop::remove(int fd, Watched& watched) noexcept {
  // Closing the descriptor would do, were it not for events of this pass that still wait for their turn.
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  if (pending_ == nullptr) return;
  for (int i = pending_->next; i < pending_->count; ++i) {
    auto& event = pending_->events[static_cast<std::size_t>(i)];
    if (event.data.ptr == &watched) event.data.ptr = nullptr;
  }
}

void Loop::arm(Timer& timer, Monotonic::time_point deadline) noexcept {
  timer.unlink();
  timer.deadline_ = deadline;
  timers_.insert(timer);
}

void Loop::run() {
  stopping_ = false;
  while (!stopping_) {
    fire_due();
    if (!stopping_) wait();
  }
}

// What on_expired() arms for now or earlier has its turn in the next pass, so that sockets are never starved.
void Loop::fire_due() {
  pass_time_ = Monotonic::now();
  Timers due;
  while (!timers_.empty() && timers_.begin()->deadline_ <= pass_time_) {
    Timer& timer = *timers_.begin();
    timer.unlink();
    due.insert(due.end(), timer);
  }
  while (!due.empty()) {
    Timer& timer = *due.begin();
    timer.unlink();
    if (stopping_) {
      timers_.insert(timer);
    } else {
      timer.on_expired();
    }
  }
}

void Loop::wait() {
  Pending pending;
  timespec timeout{1, 0};
  if (!timers_.empty()) {
    const auto left = std::clamp<std::chrono::nanoseconds>(
        timers_.begin()->deadline_ - Monotonic::now(), std::chrono::nanoseconds{0}, std::chrono::seconds{1});
    timeout = {static_cast<time_t>(left.count() / 1'000'000'000),
               static_cast<long>(left.count() % 1'000'000'000)};
  }
  pending.count = ::epoll_pwait2(epoll_, pending.events.data(), kBatch, &timeout, nullptr);
  pass_time_ = Monotonic::now();
  pending_ = &pending;
  while (pending.next < pending.count && !stopping_) {
    const epoll_event event = pending.events[static_cast<std::size_t>(pending.next++)];
    if (event.data.ptr != nullptr) static_cast<Watched*>(event.data.ptr)->on_ready(event.events);
  }
  pending_ = nullptr;
}

}  // namespace sluice::loadgen
