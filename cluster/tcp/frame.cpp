#include "cluster/tcp/frame.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>

namespace sluice::cluster::tcp {

namespace {

std::optional<Endpoint> read_address(ByteReader& in, std::size_t size) {
  const auto bytes = in.take(size);
  if (!bytes) return std::nullopt;
  Endpoint endpoint;
  if (size == 4) endpoint.address[10] = endpoint.address[11] = 0xff;
  std::ranges::copy(*bytes, endpoint.address.end() - static_cast<std::ptrdiff_t>(size));
  return endpoint;
}

}  // namespace

std::optional<Flow> flow_of_frame(const Frame& frame) {
  if (frame.size() < kOffloadHeader + ETH_HLEN + 1) return std::nullopt;
  ByteReader in{Bytes{frame}.subspan(kOffloadHeader + 12)};
  const auto type = in.u16();
  const Bytes ip = in.rest();
  const bool v4 = type == ETH_P_IP;
  const std::size_t protocol_at = v4 ? 9 : 6, addresses_at = v4 ? 12 : 8, address_size = v4 ? 4 : 16;
  const std::size_t header = v4 ? (ip[0] & 15U) * 4U : 40;
  if ((!v4 && type != ETH_P_IPV6) || ip.size() < header + 4 || header < addresses_at + 2 * address_size ||
      ip[protocol_at] != IPPROTO_TCP)
    return std::nullopt;
  ByteReader addresses{ip.subspan(addresses_at)}, ports{ip.subspan(header)};
  Flow flow{*read_address(addresses, address_size), *read_address(addresses, address_size)};
  if (flow.client.v4() != v4 || flow.local.v4() != v4) return std::nullopt;  // mapped ones, on the network
  flow.client.port = *ports.u16();
  flow.local.port = *ports.u16();
  return flow;
}

Mac source_of(const Frame& frame) noexcept {
  Mac mac{};
  if (frame.size() >= kOffloadHeader + 12)
    std::copy_n(frame.begin() + kOffloadHeader + 6, mac.size(), mac.begin());
  return mac;
}

}  // namespace sluice::cluster::tcp
