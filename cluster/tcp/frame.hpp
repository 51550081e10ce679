#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "cluster/tcp/flow.hpp"

/// Ethernet frames with TCP in them. No I/O.
namespace sluice::cluster::tcp {

using Mac = std::array<std::uint8_t, 6>;

inline constexpr std::size_t kOffloadHeader = 10;  ///< A virtio_net_hdr, whose header is not for C++.

/// As an AF_PACKET socket with PACKET_VNET_HDR gives it: a virtio_net_hdr, then the frame. Checksums may be
/// partial and segments joined; the header says so.
using Frame = std::vector<std::uint8_t>;

/// The flow of a frame that comes from a client; `nullopt` when it is not one of TCP. Never looks past the
/// frame.
std::optional<Flow> flow_of_frame(const Frame& frame);

/// Who sent it on this network.
Mac source_of(const Frame& frame) noexcept;

}  // namespace sluice::cluster::tcp
