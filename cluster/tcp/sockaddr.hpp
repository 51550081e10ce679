#pragma once
#include <sys/socket.h>

#include <optional>

#include "cluster/tcp/flow.hpp"

/// Endpoints as the kernel wants them.
namespace sluice::cluster::tcp {

class SocketAddress {
 public:
  /// `v6`: for a socket of AF_INET6, also when the address is a mapped one.
  explicit SocketAddress(const Endpoint& endpoint, bool v6 = false) noexcept;
  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return size_; }
  int family() const noexcept { return storage_.ss_family; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

/// `nullopt`: of another family.
std::optional<Endpoint> endpoint_of(const sockaddr_storage& address) noexcept;

}  // namespace sluice::cluster::tcp
