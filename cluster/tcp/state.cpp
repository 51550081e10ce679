#include "cluster/tcp/state.hpp"

#include <algorithm>
#include <cstdlib>

#include "cluster/tcp/messages.hpp"

namespace sluice::cluster::tcp {

namespace {

constexpr std::size_t kNameMax = 15;    // TCP_CA_NAME_MAX with its zero is 16
constexpr std::uint8_t kScaleMax = 14;  // RFC 7323 section 2.3
constexpr std::uint16_t kMssMin = 48;   // the kernel's TCP_MIN_MSS is 88 with options
constexpr std::uint32_t kWindowMax = 1U << 30;
constexpr std::uint32_t kBufferMax = 1U << 30;

enum Flags : std::uint8_t { kSack = 1, kTimestamps = 2, kScaling = 4, kAllFlags = 7 };

std::uint8_t flags_of(const TcpState& state) noexcept {
  return static_cast<std::uint8_t>((state.sack ? kSack : 0) | (state.timestamps ? kTimestamps : 0) |
                                   (state.window_scaling ? kScaling : 0));
}

void read_flags(Fields& in, TcpState& state) {
  const auto flags = in.u8();
  in.require((flags & ~kAllFlags) == 0);
  state.sack = (flags & kSack) != 0;
  state.timestamps = (flags & kTimestamps) != 0;
  state.window_scaling = (flags & kScaling) != 0;
  state.send_scale = in.u8(), state.receive_scale = in.u8();
  in.require(state.send_scale <= kScaleMax && state.receive_scale <= kScaleMax);
}

void read_window(Fields& in, TcpState& state) {
  state.send_wl1 = in.u32(), state.send_window = in.u32(), state.max_window = in.u32();
  state.receive_window = in.u32(), state.receive_wup = in.u32(), state.receive_buffer = in.u32();
  in.require(state.send_window <= kWindowMax && state.max_window <= kWindowMax &&
             state.receive_window <= kWindowMax && state.receive_buffer <= kBufferMax);
}

void read_congestion(Fields& in, TcpState& state) {
  state.congestion = in.text();
  in.require(state.congestion.size() <= kNameMax);
  in.require(std::ranges::all_of(state.congestion, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  }));
}

std::vector<std::uint8_t> read_queue(Fields& in) {
  const std::size_t size = in.u32();
  in.require(size <= kQueueMax);
  const Bytes bytes = in.take(in.good() ? size : 0);
  return {bytes.begin(), bytes.end()};
}

void append_queue(const std::vector<std::uint8_t>& queue, ByteWriter<std::vector<std::uint8_t>>& out) {
  if (queue.size() > kQueueMax) std::abort();
  out.u32(static_cast<std::uint32_t>(queue.size())).bytes(queue);
}

}  // namespace

std::vector<std::uint8_t> encode(const TcpState& state) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(256 + state.unacked.size() + state.received.size());
  ByteWriter<std::vector<std::uint8_t>> out(bytes);
  out.u8(kStateVersion);
  append(state.flow, out);
  out.bytes(state.home.address).u16(state.home.port).u16(state.moves);
  out.u32(state.send_seq).u32(state.receive_seq).u16(state.mss);
  out.u8(flags_of(state)).u8(state.send_scale).u8(state.receive_scale);
  out.u32(state.timestamp);
  out.u32(state.send_wl1).u32(state.send_window).u32(state.max_window);
  out.u32(state.receive_window).u32(state.receive_wup).u32(state.receive_buffer);
  out.vector(1, as_bytes(state.congestion));
  append_queue(state.unacked, out);
  append_queue(state.received, out);
  return bytes;
}

std::optional<TcpState> decode_state(Bytes bytes) {
  Fields in{bytes};
  TcpState state;
  in.require(in.u8() == kStateVersion);
  state.flow = read_flow(in);
  std::ranges::copy(in.take(state.home.address.size()), state.home.address.begin());
  state.home.port = in.u16(), state.moves = in.u16();
  state.send_seq = in.u32(), state.receive_seq = in.u32(), state.mss = in.u16();
  in.require(state.mss >= kMssMin);
  read_flags(in, state);
  state.timestamp = in.u32();
  read_window(in, state);
  read_congestion(in, state);
  state.unacked = read_queue(in);
  state.received = read_queue(in);
  if (!in.good() || in.remaining() != 0) return std::nullopt;
  return state;
}

}  // namespace sluice::cluster::tcp
