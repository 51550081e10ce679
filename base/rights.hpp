#pragma once
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <vector>

#include "base/descriptor.hpp"

/// Descriptors that travel beside a message on a Unix socket (SCM_RIGHTS, unix(7)).
namespace sluice {

/// Room for them in a msghdr, which it has to outlive.
class Rights {
 public:
  /// More than one is a mistake everywhere here, but has to be closed.
  static constexpr std::size_t kMost = 4;

  /// For what is received.
  void expect(msghdr& message) noexcept;
  /// To be sent; `fd` is borrowed.
  void put(msghdr& message, int fd) noexcept;

 private:
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMost * sizeof(int))> bytes_{};
};

/// All that came beside a message.
std::vector<Descriptor> descriptors_of(msghdr& message);

}  // namespace sluice
