#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "base/descriptor.hpp"
#include "server/connection_image.hpp"
#include "server/departure.hpp"

/// Connections that come from another owner.
namespace sluice::server {

/// One of them, until it is clear whose it is. Shared between who brings it and the connection that is made
/// of it.
class Arrival {
 public:
  /// Empty: the connection is made, and silent. Otherwise why it can't be. Called once, on the processor's
  /// thread.
  using Made = std::function<void(std::string_view why_not)>;

  /// Takes over `fd`, the connection's socket.
  Arrival(ConnectionImage image, int fd, Transport transport, Made made)
      : image_(std::move(image)), fd_(fd), transport_(transport), made_(std::move(made)) {}
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  // Who brings it; any thread.
  /// Whether it is ours now, or is to be given up; the first word counts.
  void settle(bool ours) {
    std::function<void(bool)> tell;
    {
      const std::lock_guard lock(mutex_);
      if (ours_) return;
      ours_ = ours;
      tell = std::exchange(tell_, nullptr);
    }
    if (tell) tell(ours);
  }

  // The connection.
  ConnectionImage& image() noexcept { return image_; }
  int release_fd() noexcept { return fd_.release(); }
  Transport transport() const noexcept { return transport_; }
  void made(std::string_view why_not) { made_(why_not); }
  /// Calls `tell` once it is settled, on any thread.
  void await(std::function<void(bool ours)> tell) {
    {
      const std::lock_guard lock(mutex_);
      if (!ours_) {
        tell_ = std::move(tell);
        return;
      }
    }
    tell(*ours_);
  }

 private:
  ConnectionImage image_;
  Descriptor fd_;
  const Transport transport_;
  const Made made_;
  std::mutex mutex_;
  std::optional<bool> ours_;
  std::function<void(bool)> tell_;
};
using ArrivalPtr = std::shared_ptr<Arrival>;

}  // namespace sluice::server
