#include "cluster/tcp/capture.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace sluice::cluster::tcp {

namespace {

constexpr std::size_t kFrameMax = 512 * 1024;  // joined segments, also of IPv6 with jumbograms

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

Descriptor packet_socket(int interface, std::uint16_t protocol) {
  Descriptor socket{::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!socket) fail("no packet socket (CAP_NET_RAW)");
  const int on = 1;
  if (::setsockopt(socket.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0)
    fail("the kernel's packet sockets don't say what is offloaded (PACKET_VNET_HDR)");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  address.sll_ifindex = interface;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("a packet socket can't be bound");
  return socket;
}

/// Until a filter says otherwise nothing is to come, and what comes out of this machine never.
Descriptor capture_socket(const Interface& interface, int buffer) {
  Descriptor socket = packet_socket(interface.index, 0);
  const int on = 1;
  if (::setsockopt(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0)
    fail("frames that go out can't be left out (Linux 4.20)");
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  shut(socket.get());
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface.index;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("frames can't be captured");
  return socket;
}

}  // namespace

void shut(int packet_socket) noexcept {
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{.len = 1, .filter = &nothing};
  ::setsockopt(packet_socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

Interface::Interface(const std::string& given) : name(given) {
  const Descriptor any{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq request{};
  if (name.empty() || name.size() >= IFNAMSIZ)
    throw std::runtime_error("no interface is called \"" + name + "\"");
  std::ranges::copy(name, request.ifr_name);
  if (::ioctl(any.get(), SIOCGIFINDEX, &request) != 0) fail("there is no interface " + name);
  index = request.ifr_ifindex;
  if (::ioctl(any.get(), SIOCGIFHWADDR, &request) != 0) fail("interface " + name + " has no address");
  if (request.ifr_hwaddr.sa_family != 1) throw std::runtime_error("interface " + name + " is not Ethernet");
  std::copy_n(reinterpret_cast<const std::uint8_t*>(request.ifr_hwaddr.sa_data), mac.size(), mac.begin());
}

Capture::Capture(const Interface& interface)
    : interface_(interface),
      in_(capture_socket(interface, kReceiveBuffer)),
      loopback_(packet_socket(static_cast<int>(::if_nametoindex("lo")), 0)),
      buffer_(kFrameMax) {}

bool Capture::read(const std::function<void(Frame)>& each) {
  for (int i = 0; i < kBatch; ++i) {
    const auto count = ::recv(in_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (count < 0) return true;
    each(Frame(buffer_.begin(), buffer_.begin() + count));
  }
  return false;
}

std::uint64_t Capture::lost() {
  tpacket_stats stats{};
  socklen_t length = sizeof stats;
  if (::getsockopt(in_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0) lost_ += stats.tp_drops;
  return lost_;
}

void Capture::deliver(Frame& frame) const noexcept {
  std::fill_n(frame.begin() + kOffloadHeader, 12, std::uint8_t{0});
  ::send(loopback_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
}

void Capture::send_to(const Mac& member, Frame& frame) const noexcept {
  const auto to = std::ranges::copy(member, frame.begin() + kOffloadHeader).out;
  std::ranges::copy(interface_.mac, to);
  ::send(in_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
}

}  // namespace sluice::cluster::tcp
