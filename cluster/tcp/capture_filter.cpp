#include "cluster/tcp/capture_filter.hpp"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

namespace sluice::cluster::tcp {

namespace {

using Code = std::vector<sock_filter>;

constexpr std::uint32_t kIpAt = ETH_HLEN;
constexpr std::uint32_t kWhole = 0xffff'ffff;

void add(Code& code, int operation, std::uint32_t value, std::size_t if_so = 0, std::size_t if_not = 0) {
  code.push_back({static_cast<std::uint16_t>(operation), static_cast<std::uint8_t>(if_so),
                  static_cast<std::uint8_t>(if_not), value});
}

std::uint32_t word(const std::uint8_t* at) noexcept {
  return static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 |
         static_cast<std::uint32_t>(at[2]) << 8 | at[3];
}

/// Skips the rest of the flow's part when the word is another one. `left`: instructions of it that follow.
void compare(Code& code, int mode, std::uint32_t at, std::uint32_t value, std::size_t left) {
  add(code, BPF_LD | BPF_W | mode, at);
  add(code, BPF_JMP | BPF_JEQ | BPF_K, value, 0, left);
}

void add_flow(Code& code, const Flow& flow) {
  const std::size_t words = flow.v4() ? 1 : 4, first = flow.v4() ? 12 : 0;
  const std::uint32_t source_at = kIpAt + (flow.v4() ? 12 : 8);
  std::size_t left = (2 * words + 1) * 2 + 1;
  std::uint32_t at = source_at;
  for (const Endpoint* end : {&flow.client, &flow.local}) {
    for (std::size_t i = 0; i < words; ++i, at += 4) {
      left -= 2;
      compare(code, BPF_ABS, at, word(end->address.data() + first + 4 * i), left);
    }
  }
  const auto ports = static_cast<std::uint32_t>(flow.client.port) << 16 | flow.local.port;
  compare(code, BPF_IND, kIpAt, ports, 1);
  add(code, BPF_RET | BPF_K, kWhole);
}

/// X is where TCP begins, behind the Ethernet header.
Code part_of(bool v4, const std::set<Flow>& flows) {
  Code code;
  add(code, BPF_LD | BPF_B | BPF_ABS, kIpAt + (v4 ? 9 : 6));
  add(code, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 1, 0);
  add(code, BPF_RET | BPF_K, 0);
  if (v4)
    add(code, BPF_LDX | BPF_B | BPF_MSH, kIpAt);
  else
    add(code, BPF_LDX | BPF_W | BPF_IMM, 40);
  for (const Flow& flow : flows) {
    if (flow.v4() == v4) add_flow(code, flow);
  }
  add(code, BPF_RET | BPF_K, 0);
  return code;
}

}  // namespace

bool attach_filter(int packet_socket, const std::set<Flow>& flows) noexcept {
  const Code v4 = part_of(true, flows), v6 = part_of(false, flows);
  Code code;
  add(code, BPF_LD | BPF_H | BPF_ABS, 12);
  add(code, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 2, 0);
  add(code, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 2, 0);
  add(code, BPF_RET | BPF_K, 0);
  add(code, BPF_JMP | BPF_JA, 1);
  add(code, BPF_JMP | BPF_JA, static_cast<std::uint32_t>(v4.size()));
  code.insert(code.end(), v4.begin(), v4.end());
  code.insert(code.end(), v6.begin(), v6.end());
  const sock_fprog program{.len = static_cast<std::uint16_t>(code.size()), .filter = code.data()};
  return ::setsockopt(packet_socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

}  // namespace sluice::cluster::tcp
