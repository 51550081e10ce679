#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "cluster/tcp/frame.hpp"
#include "cluster/tcp/ingress.hpp"

/// Frames of flows that are held: taken before the kernel's TCP would see them, and given to it later, or to
/// somebody else.
namespace sluice::cluster::tcp {

/// A filter that lets nothing through.
void shut(int packet_socket) noexcept;

/// Needs CAP_NET_RAW. Throws a sentence when it can't be made.
class Capture {
 public:
  explicit Capture(const Interface& interface);

  /// To be waited for, and to be filtered (Ingress::watch).
  int descriptor() const noexcept { return in_.get(); }
  /// Calls `each` for all that is there, at most `kBatch`; false: there may be more.
  bool read(const std::function<void(Frame)>& each);
  /// Frames that the kernel had no room for.
  std::uint64_t lost();

  /// To this machine's TCP. The frame's Ethernet addresses are changed.
  void deliver(Frame& frame) const noexcept;
  /// To a member. The same.
  void send_to(const Mac& member, Frame& frame) const noexcept;

 private:
  static constexpr int kBatch = 256;
  static constexpr int kReceiveBuffer = 16 << 20;

  const Interface interface_;
  Descriptor in_, loopback_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t lost_ = 0;
};

}  // namespace sluice::cluster::tcp
