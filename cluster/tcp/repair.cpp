#include "cluster/tcp/repair.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// Not <netinet/tcp.h>: it lacks what is new, and clashes.
#include <linux/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "cluster/tcp/sockaddr.hpp"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72  // Linux 5.13
#endif

namespace sluice::cluster::tcp {

namespace {

constexpr int kEstablished = 1;  // TCP_ESTABLISHED of the kernel
// Kinds of TCP options (RFC 9293 section 3.2, RFC 2018, RFC 7323).
constexpr std::uint32_t kMaximumSegment = 2, kWindowScale = 3, kSackPermitted = 4, kTimestamps = 8;
constexpr int kDumpTries = 5;
constexpr std::size_t kChunk = 256 * 1024;
constexpr std::uint32_t kSendBufferMin = 64 * 1024;

Sentence error_text(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

template <class T>
bool set(int fd, int level, int option, const T& value) noexcept {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}
template <class T>
bool get(int fd, int level, int option, T& value) noexcept {
  socklen_t length = sizeof value;
  return ::getsockopt(fd, level, option, &value, &length) == 0;
}

bool repair(int fd, int mode) noexcept { return set(fd, IPPROTO_TCP, TCP_REPAIR, mode); }
bool choose_queue(int fd, int queue) noexcept { return set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue); }

struct Queues {
  int received = 0, unacked = 0, unsent = 0;
  bool operator==(const Queues&) const = default;
};

bool measure(int fd, Queues& queues) noexcept {
  return ::ioctl(fd, SIOCINQ, &queues.received) == 0 && ::ioctl(fd, SIOCOUTQ, &queues.unacked) == 0 &&
         ::ioctl(fd, SIOCOUTQNSD, &queues.unsent) == 0;
}

/// The bytes of a queue, and the number of the one behind them.
bool peek(int fd, int queue, int size, std::uint32_t& seq, std::vector<std::uint8_t>& bytes) {
  bytes.resize(static_cast<std::size_t>(size));
  if (!choose_queue(fd, queue) || !get(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, seq)) return false;
  if (size == 0) return true;
  const auto count = ::recv(fd, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  return count == size;
}

/// While the send queue is chosen, anything that makes the kernel send would mark bytes as sent that are not.
bool peek_both(int fd, const Queues& queues, TcpState& state) {
  const bool whole = peek(fd, TCP_RECV_QUEUE, queues.received, state.receive_seq, state.received) &&
                     peek(fd, TCP_SEND_QUEUE, queues.unacked, state.send_seq, state.unacked);
  return choose_queue(fd, TCP_NO_QUEUE) && whole;
}

bool read_options(int fd, TcpState& state) {
  tcp_info info{};
  int mss = 0;
  if (!get(fd, IPPROTO_TCP, TCP_INFO, info) || !get(fd, IPPROTO_TCP, TCP_MAXSEG, mss)) return false;
  state.mss = static_cast<std::uint16_t>(std::clamp(mss, 88, 65'495));
  state.sack = (info.tcpi_options & TCPI_OPT_SACK) != 0;
  state.timestamps = (info.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0;
  state.window_scaling = (info.tcpi_options & TCPI_OPT_WSCALE) != 0;
  state.send_scale = info.tcpi_snd_wscale;
  state.receive_scale = info.tcpi_rcv_wscale;
  char name[16] = "";
  socklen_t length = sizeof name;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) == 0)
    state.congestion = std::string(name, ::strnlen(name, 15));
  return get(fd, IPPROTO_TCP, TCP_TIMESTAMP, state.timestamp) &&
         get(fd, SOL_SOCKET, SO_RCVBUF, state.receive_buffer);
}

bool read_window(int fd, TcpState& state) {
  tcp_repair_window window{};
  if (!get(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, window)) return false;
  state.send_wl1 = window.snd_wl1;
  state.send_window = window.snd_wnd;
  state.max_window = window.max_window;
  state.receive_window = window.rcv_wnd;
  state.receive_wup = window.rcv_wup;
  return true;
}

/// In pieces, as the kernel wants the memory of each in one go.
bool fill(int fd, int queue, std::span<const std::uint8_t> bytes) {
  if (!choose_queue(fd, queue)) return false;
  while (!bytes.empty()) {
    const auto count = ::send(fd, bytes.data(), std::min(bytes.size(), kChunk), MSG_DONTWAIT);
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

void set_buffers(int fd, const TcpState& state) {
  // The kernel doubles what it is given, and an skb takes more than its bytes.
  const auto send = std::max<std::size_t>(kSendBufferMin, 2 * state.unacked.size());
  set(fd, SOL_SOCKET, SO_SNDBUFFORCE, static_cast<int>(send));
  const auto receive = std::max<std::size_t>(state.receive_buffer / 2, state.received.size());
  set(fd, SOL_SOCKET, SO_RCVBUFFORCE, static_cast<int>(receive));
}

/// Before connect: afterwards the segment size would stay at the smallest.
bool begin_socket(int fd, const TcpState& state) {
  const SocketAddress local(state.flow.local), client(state.flow.client);
  const int mss = state.mss;
  const auto unacked = static_cast<std::uint32_t>(state.unacked.size());
  const auto received = static_cast<std::uint32_t>(state.received.size());
  if (!state.congestion.empty())  // a member may lack it: then its own is used
    ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, state.congestion.data(),
                 static_cast<socklen_t>(state.congestion.size()));
  return ::bind(fd, local.data(), local.size()) == 0 && choose_queue(fd, TCP_SEND_QUEUE) &&
         set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, state.send_seq - unacked) && choose_queue(fd, TCP_RECV_QUEUE) &&
         set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, state.receive_seq - received) &&
         set(fd, IPPROTO_TCP, TCP_MAXSEG, mss) && ::connect(fd, client.data(), client.size()) == 0;
}

bool set_options(int fd, const TcpState& state) {
  tcp_repair_opt options[4];
  std::size_t count = 0;
  if (state.sack) options[count++] = {kSackPermitted, 0};
  if (state.window_scaling)
    options[count++] = {kWindowScale, state.send_scale | static_cast<std::uint32_t>(state.receive_scale)
                                                             << 16};
  if (state.timestamps) options[count++] = {kTimestamps, 0};
  options[count++] = {kMaximumSegment, state.mss};
  return ::setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, options,
                      static_cast<socklen_t>(count * sizeof *options)) == 0;
}

/// It may run ahead a little, but not behind: the client would take segments for old ones (PAWS, RFC 7323
/// section 5).
bool set_clock(int fd, const TcpState& state, std::chrono::milliseconds age) {
  const bool microseconds = (state.timestamp & 1) != 0;
  const auto elapsed = static_cast<std::uint32_t>(age.count() + 2) * (microseconds ? 1000 : 1);
  return set(fd, IPPROTO_TCP, TCP_TIMESTAMP, ((state.timestamp + elapsed) & ~1U) | (state.timestamp & 1U));
}

bool set_window(int fd, const TcpState& state) {
  const tcp_repair_window window{.snd_wl1 = state.send_wl1,
                                 .snd_wnd = state.send_window,
                                 .max_window = state.max_window,
                                 .rcv_wnd = state.receive_window,
                                 .rcv_wup = state.receive_wup};
  return set(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, window);
}

}  // namespace

Failure obstacle(int fd) noexcept {
  tcp_info info{};
  if (!get(fd, IPPROTO_TCP, TCP_INFO, info)) return "it is not a TCP socket";
  if (info.tcpi_state != kEstablished) return "the connection is closing";
  Queues queues;
  if (!measure(fd, queues)) return "its queues can't be measured";
  if (static_cast<std::size_t>(std::max(queues.received, queues.unacked)) > kQueueMax)
    return "its queues are too long";
  return std::nullopt;
}

bool all_sent(int fd) noexcept {
  int unsent = 0;
  return ::ioctl(fd, SIOCOUTQNSD, &unsent) == 0 && unsent == 0;
}

Failure freeze(int fd) {
  if (!repair(fd, TCP_REPAIR_ON)) return error_text("the socket can't be frozen");
  return std::nullopt;
}

Or<TcpState> read_state(int fd) {
  if (auto why = obstacle(fd)) return *std::move(why);
  TcpState state;
  const auto flow = flow_of(fd);
  if (!flow) return Sentence("it has no two ends of one family");
  state.flow = *flow;
  if (!read_options(fd, state)) return error_text("its options can't be read");
  // A frame that was on its way when the flow was redirected may still have come in.
  for (int i = 0; i < kDumpTries; ++i) {
    Queues before, after;
    if (!measure(fd, before)) break;
    if (before.unsent != 0) return Sentence("bytes were written to it meanwhile");
    const bool whole = peek_both(fd, before, state);
    if (!measure(fd, after) || after.unsent != 0) break;
    if (!whole || before != after) continue;
    if (!read_window(fd, state)) return error_text("its window can't be read");
    if (auto why = obstacle(fd)) return *std::move(why);
    return state;
  }
  return Sentence("its queues did not come to rest");
}

Failure thaw(int fd) noexcept {
  if (!repair(fd, TCP_REPAIR_OFF)) return error_text("the socket can't be thawed");
  // Repair mode took it away; without it the listener could not be opened again while this one lasts.
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  return std::nullopt;
}

void vanish(int fd) noexcept {
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  ::connect(fd, &nobody, sizeof nobody);
}

Or<Descriptor> make_socket(const TcpState& state, std::chrono::milliseconds age) {
  Descriptor socket{::socket(state.flow.v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                             IPPROTO_TCP)};
  if (!socket) return error_text("there is no socket to be had");
  const int fd = socket.get();
  if (auto why = freeze(fd)) return *std::move(why);
  set_buffers(fd, state);
  if (!begin_socket(fd, state)) return error_text("the socket can't be connected");
  if (!set_options(fd, state)) return error_text("its options can't be set");
  if (state.timestamps && !set_clock(fd, state, age)) return error_text("its clock can't be set");
  if (!fill(fd, TCP_RECV_QUEUE, state.received) || !fill(fd, TCP_SEND_QUEUE, state.unacked))
    return error_text("its queues can't be filled");
  if (!choose_queue(fd, TCP_NO_QUEUE) || !set_window(fd, state)) return error_text("its window can't be set");
  return socket;
}

Failure revive(int fd) noexcept {
  if (auto why = thaw(fd)) return why;
  set(fd, SOL_SOCKET, SO_BUF_LOCK, 0);  // buffers grow by themselves again
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  return std::nullopt;
}

}  // namespace sluice::cluster::tcp
