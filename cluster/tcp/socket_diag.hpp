#pragma once
#include "base/descriptor.hpp"
#include "cluster/tcp/flow.hpp"

/// Asks the kernel about its sockets (NETLINK_SOCK_DIAG).
namespace sluice::cluster::tcp {

class SocketDiag {
 public:
  /// Throws a sentence when the kernel has it not (CONFIG_INET_DIAG).
  SocketDiag();
  /// Whether a socket of that very flow is left, in whatever state but TIME_WAIT.
  bool there(const Flow& flow) const noexcept;

 private:
  Descriptor netlink_;
};

}  // namespace sluice::cluster::tcp
