#include "cluster/tcp/flow.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "cluster/tcp/sockaddr.hpp"

namespace sluice::cluster::tcp {

namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<Endpoint> end_of(int fd, decltype(&::getsockname) get) noexcept {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (get(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  return endpoint_of(address);
}

}  // namespace

bool Endpoint::v4() const noexcept { return std::equal(kMapped.begin(), kMapped.end(), address.begin()); }

std::string text_of(const Endpoint& endpoint) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool v4 = endpoint.v4();
  ::inet_ntop(v4 ? AF_INET : AF_INET6, endpoint.address.data() + (v4 ? kMapped.size() : 0), text,
              sizeof text);
  const std::string host = v4 ? std::string(text) : "[" + std::string(text) + "]";
  return host + ":" + std::to_string(endpoint.port);
}

std::optional<Endpoint> endpoint_of(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Endpoint endpoint;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
  if (error != std::errc{} || end != digits.data() + digits.size() || endpoint.port == 0) return std::nullopt;
  std::string host(text.substr(0, colon));
  const bool v6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (v6) host = host.substr(1, host.size() - 2);
  std::copy(kMapped.begin(), kMapped.end(), endpoint.address.begin());
  const auto at = endpoint.address.data() + (v6 ? 0 : kMapped.size());
  if (::inet_pton(v6 ? AF_INET6 : AF_INET, host.c_str(), at) != 1) return std::nullopt;
  return endpoint;
}

std::string text_of(const Flow& flow) { return text_of(flow.client) + " to " + text_of(flow.local); }

std::optional<Flow> flow_of(int fd) noexcept {
  int protocol = 0;
  socklen_t length = sizeof protocol;
  if (::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) != 0 || protocol != IPPROTO_TCP)
    return std::nullopt;
  const auto client = end_of(fd, ::getpeername), local = end_of(fd, ::getsockname);
  if (!client || !local || client->v4() != local->v4()) return std::nullopt;
  return Flow{*client, *local};
}

PlaceBytes to_bytes(const Place& place) noexcept {
  PlaceBytes bytes{};
  auto at = std::copy(place.mac.begin(), place.mac.end(), bytes.begin());
  at = std::copy(place.director.address.begin(), place.director.address.end(), at);
  *at++ = static_cast<std::uint8_t>(place.director.port >> 8);
  *at = static_cast<std::uint8_t>(place.director.port);
  return bytes;
}

Place place_of(const PlaceBytes& bytes) noexcept {
  ByteReader in{bytes};
  Place place;
  std::ranges::copy(*in.take(place.mac.size()), place.mac.begin());
  std::ranges::copy(*in.take(place.director.address.size()), place.director.address.begin());
  place.director.port = *in.u16();
  return place;
}

SocketAddress::SocketAddress(const Endpoint& endpoint, bool v6) noexcept {
  if (endpoint.v4() && !v6) {
    auto& in = reinterpret_cast<sockaddr_in&>(storage_);
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, endpoint.address.data() + kMapped.size(), sizeof in.sin_addr);
    size_ = sizeof in;
  } else {
    auto& in = reinterpret_cast<sockaddr_in6&>(storage_);
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(endpoint.port);
    std::memcpy(&in.sin6_addr, endpoint.address.data(), sizeof in.sin6_addr);
    size_ = sizeof in;
  }
}

std::optional<Endpoint> endpoint_of(const sockaddr_storage& address) noexcept {
  Endpoint endpoint;
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    std::copy(kMapped.begin(), kMapped.end(), endpoint.address.begin());
    std::memcpy(endpoint.address.data() + kMapped.size(), &in.sin_addr, sizeof in.sin_addr);
    endpoint.port = ntohs(in.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(endpoint.address.data(), &in.sin6_addr, sizeof in.sin6_addr);
    endpoint.port = ntohs(in.sin6_port);
  } else {
    return std::nullopt;
  }
  return endpoint;
}

}  // namespace sluice::cluster::tcp
