#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <boost/system/result.hpp>

#include "cluster/tcp/flow.hpp"

/// An established TCP connection as bytes: what the kernel gives and takes in repair mode (TCP_REPAIR). No
/// socket, no clock. Between members it travels inside what the servers say to each other; the bytes in its
/// queues are those of TLS records.
namespace sluice::cluster::tcp {

inline constexpr std::uint8_t kStateVersion = 1;
inline constexpr std::size_t kQueueMax = 8 << 20;  ///< Of one queue; connections with more stay.
inline constexpr std::size_t kStateMax = 2 * kQueueMax + 512;

struct TcpState {
  Flow flow{};
  Endpoint
      home{};  ///< Who redirects the flow first: the director's address; port 0: the first owner, by itself.
  std::uint16_t moves = 0;        ///< How often it moved before.
  std::uint32_t send_seq = 0;     ///< Of the byte behind the send queue.
  std::uint32_t receive_seq = 0;  ///< Of the byte behind the receive queue.
  std::uint16_t mss = 0;          ///< The most the client takes in a segment.
  bool sack = false, timestamps = false, window_scaling = false;
  std::uint8_t send_scale = 0, receive_scale = 0;  ///< At most 14 (RFC 7323 section 2.3).
  std::uint32_t timestamp = 0;  ///< Our clock as the client sees it; bit 0 says that it counts in us, not ms.
  // As in struct tcp_repair_window.
  std::uint32_t send_wl1 = 0, send_window = 0, max_window = 0, receive_window = 0, receive_wup = 0;
  std::uint32_t receive_buffer = 0;      ///< SO_RCVBUF as the kernel counts.
  std::string congestion{};              ///< By name, at most 15 bytes.
  std::vector<std::uint8_t> unacked{};   ///< Sent, and not acknowledged.
  std::vector<std::uint8_t> received{};  ///< Acknowledged, and not read.

  bool operator==(const TcpState&) const = default;
};

/// Aborts when a queue is longer than kQueueMax.
std::vector<std::uint8_t> encode(const TcpState& state);
/// `nullopt`: another version, or values that no connection has.
std::optional<TcpState> decode_state(Bytes bytes);

}  // namespace sluice::cluster::tcp
