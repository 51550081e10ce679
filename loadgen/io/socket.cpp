#include "loadgen/io/socket.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "loadgen/error.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::size_t kLoopbackSourcesMax = 60;  // a thread's share of 127.0.0.0/8: 1.7 million ports

Address loopback_address(std::uint32_t host) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  v4->sin_family = AF_INET;
  v4->sin_addr.s_addr = htonl(0x7f000000U | host);
  address.size = sizeof(sockaddr_in);
  return address;
}

Address literal(std::string_view option, const std::string& text, int family) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (family == AF_INET && ::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    address.size = sizeof(sockaddr_in);
  } else if (family == AF_INET6 && ::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    address.size = sizeof(sockaddr_in6);
  } else {
    throw UsageError(std::string(option) + " " + text + " is not an IPv" + (family == AF_INET ? "4" : "6") +
                     " address, as the target is.");
  }
  return address;
}

/// Throws UsageError for one that this machine does not have.
Address own_address(std::string_view option, const std::string& text, int family) {
  const Address address = literal(option, text, family);
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool ours = fd < 0 || ::bind(fd, address.get(), address.size) == 0 || errno != EADDRNOTAVAIL;
  if (fd >= 0) ::close(fd);
  if (!ours) throw UsageError(std::string(option) + " " + text + " is not an address of this machine.");
  return address;
}

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

}  // namespace

bool Address::loopback_v4() const noexcept {
  if (storage.ss_family != AF_INET) return false;
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
  return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

Address resolve(const Target& target) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &found);
  if (failed != 0)
    throw RunError("can't find the target " + target.host + ": " + ::gai_strerror(failed) + ".");
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  return address;
}

Sources::Sources(const std::vector<std::string>& asked, const Address& target, unsigned thread,
                 std::string_view option)
    : may_grow_(asked.empty() && target.loopback_v4()), thread_(thread) {
  for (const auto& text : asked) addresses_.push_back(own_address(option, text, target.storage.ss_family));
}

bool Sources::grow() {
  if (!may_grow_ || addresses_.size() >= kLoopbackSourcesMax) return false;
  // 127.<64 + thread>.0.1, .2, ...: away from the addresses that servers listen on.
  addresses_.push_back(
      loopback_address((64U + thread_ % 128U) << 16 | static_cast<std::uint32_t>(addresses_.size() + 1)));
  current_ = addresses_.size() - 1;
  return true;
}

boost::system::result<int> open_connection(const Address& to, Sources& sources, std::size_t source) {
  for (std::size_t tried = 1;; ++tried) {
    const int fd = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return last_error();
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bool ok = true;
    if (!sources.addresses_.empty()) {
      // The port is chosen by connect(), so that one port serves connections to different servers.
      ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
      const std::size_t index = sources.may_grow_ ? sources.current_ : source + tried - 1;
      const Address& from = sources.addresses_[index % sources.addresses_.size()];
      ok = ::bind(fd, from.get(), from.size) == 0;
    }
    if (ok && (::connect(fd, to.get(), to.size) == 0 || errno == EINPROGRESS)) return fd;
    const auto error = last_error();
    ::close(fd);
    if (error != boost::system::errc::address_not_available) return error;
    if (tried < sources.addresses_.size()) {
      ++sources.current_;
    } else if (!sources.grow()) {
      return error;
    }
  }
}

}  // namespace sluice::loadgen
