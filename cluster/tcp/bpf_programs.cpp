#include "cluster/tcp/bpf_programs.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>

#include "cluster/tcp/bpf_assembler.hpp"

namespace sluice::cluster::tcp {

namespace {

using A = BpfAssembler;

// Places on the stack. What is read in one go lies together, and numbers lie aligned.
constexpr std::int16_t kKey = -40;                          // FlowKey
constexpr std::int16_t kSourceMac = -48, kEtherType = -42;  // bytes 6 to 13 of the frame
constexpr std::int16_t kIp = -88;                           // 20 or 40 bytes
constexpr std::int16_t kFlags = -96;                        // of TCP
constexpr std::int16_t kTtl = -104;                         // the new one, and for IPv4 the protocol

constexpr std::int16_t kEntry = -112;  // of the redirect, meanwhile

constexpr std::int32_t kIpAt = ETH_HLEN;
constexpr std::int32_t kTtlStep = 4, kTtlMost = kTtlStep * kRedirectsMax;

/// Jumps to "other" when the frame is too short.
void read_frame(A& a, std::int16_t to, std::int32_t count) {
  a.move(A::r1, A::r6);
  a.move(A::r3, A::fp);
  a.calculate(BPF_ADD, A::r3, to);
  a.move(A::r4, count);
  a.call(BPF_FUNC_skb_load_bytes);
  a.jump(BPF_JNE, A::r0, 0, "other");
}

void read_frame(A& a, std::int16_t to, std::int32_t offset, std::int32_t count) {
  a.move(A::r2, offset);
  read_frame(a, to, count);
}

void read_ipv4(A& a) {
  read_frame(a, kIp, kIpAt, 20);
  a.load(A::u8, A::r1, A::fp, kIp + 9);
  a.jump(BPF_JNE, A::r1, IPPROTO_TCP, "other");
  a.load(A::u16, A::r1, A::fp, kIp + 6);
  a.calculate(BPF_AND, A::r1, htons(0x3fff));  // a fragment
  a.jump(BPF_JNE, A::r1, 0, "other");
  for (const std::int16_t side : {0, 1}) {
    const auto at = static_cast<std::int16_t>(kKey + 16 * side);
    a.store(A::u64, A::fp, at, 0);
    a.store(A::u32, A::fp, static_cast<std::int16_t>(at + 8), static_cast<std::int32_t>(htonl(0xffff)));
    a.load(A::u32, A::r1, A::fp, static_cast<std::int16_t>(kIp + 12 + 4 * side));
    a.store(A::u32, A::fp, static_cast<std::int16_t>(at + 12), A::r1);
  }
  a.load(A::u8, A::r8, A::fp, kIp);
  a.calculate(BPF_AND, A::r8, 15);
  a.calculate(BPF_LSH, A::r8, 2);
  a.calculate(BPF_ADD, A::r8, kIpAt);
}

void read_ipv6(A& a) {
  read_frame(a, kIp, kIpAt, 40);
  a.load(A::u8, A::r1, A::fp, kIp + 6);
  a.jump(BPF_JNE, A::r1, IPPROTO_TCP, "other");
  for (std::int16_t i = 0; i < 32; i = static_cast<std::int16_t>(i + 8)) {
    a.load(A::u64, A::r1, A::fp, static_cast<std::int16_t>(kIp + 8 + i));
    a.store(A::u64, A::fp, static_cast<std::int16_t>(kKey + i), A::r1);
  }
  // A mapped address on the network is not that of an IPv4 flow.
  a.load(A::u64, A::r1, A::fp, kKey);
  a.jump(BPF_JNE, A::r1, 0, "not mapped");
  a.load(A::u32, A::r1, A::fp, kKey + 8);
  a.move(A::r2, static_cast<std::int32_t>(htonl(0xffff)));
  a.calculate(BPF_LSH, A::r2, 32);
  a.calculate(BPF_RSH, A::r2, 32);
  a.jump(BPF_JEQ, A::r1, A::r2, "other");
  a.label("not mapped");
  a.move(A::r8, kIpAt + 40);
}

/// Fills in the key; r6: the frame, r8: where its TCP begins. Jumps to "other" when it is not of TCP.
void read_key(A& a) {
  a.move(A::r6, A::r1);
  read_frame(a, kSourceMac, 6, 8);
  a.load(A::u16, A::r1, A::fp, kEtherType);
  a.jump(BPF_JEQ, A::r1, htons(ETH_P_IPV6), "ipv6");
  a.jump(BPF_JNE, A::r1, htons(ETH_P_IP), "other");
  read_ipv4(a);
  a.jump("tcp");
  a.label("ipv6");
  read_ipv6(a);
  a.label("tcp");
  a.move(A::r2, A::r8);
  read_frame(a, kKey + 32, 4);
}

void look_up(A& a, int map) {
  a.address_of_map(A::r1, map);
  a.move(A::r2, A::fp);
  a.calculate(BPF_ADD, A::r2, kKey);
  a.call(BPF_FUNC_map_lookup_elem);
}

/// r7: its entry, r9: the time. Jumps to `otherwise` when the flow has none, or its time is up.
template <class Entry>
void look_up_valid(A& a, int map, const A::Label& otherwise) {
  look_up(a, map);
  a.jump(BPF_JEQ, A::r0, 0, otherwise);
  a.move(A::r7, A::r0);
  a.call(BPF_FUNC_ktime_get_ns);
  a.move(A::r9, A::r0);
  a.load(A::u64, A::r1, A::r7, offsetof(Entry, until));
  a.jump(BPF_JGT, A::r9, A::r1, otherwise);
}

template <class Entry>
void count_frame(A& a) {
  a.move(A::r1, 1);
  a.add_to(A::r7, offsetof(Entry, frames), A::r1);
}

/// Jumps to "held" when the flow is held and the frame comes from its source: it has been there already.
void turn_back(A& a, int hold_map) {
  a.store(A::u64, A::fp, kEntry, A::r7);
  look_up_valid<HoldEntry>(a, hold_map, "away");
  a.load(A::u32, A::r1, A::fp, kSourceMac);
  a.load(A::u32, A::r2, A::r7, offsetof(HoldEntry, source));
  a.jump(BPF_JNE, A::r1, A::r2, "away");
  a.load(A::u16, A::r1, A::fp, kSourceMac + 4);
  a.load(A::u16, A::r2, A::r7, offsetof(HoldEntry, source) + 4);
  a.jump(BPF_JEQ, A::r1, A::r2, "held");
  a.label("away");
  a.load(A::u64, A::r7, A::fp, kEntry);
  a.call(BPF_FUNC_ktime_get_ns);
  a.move(A::r9, A::r0);
}

/// Puts the end of the entry off.
void keep_entry(A& a) {
  a.move(A::r2, A::r8);
  a.calculate(BPF_ADD, A::r2, 13);
  read_frame(a, kFlags, 1);
  a.load(A::u8, A::r1, A::fp, kFlags);
  a.calculate(BPF_AND, A::r1, 5);
  a.load(A::u32, A::r2, A::r7, offsetof(RedirectEntry, closing));
  a.calculate(BPF_AND, A::r2, 1);
  a.calculate(BPF_OR, A::r1, A::r2);
  a.store(A::u32, A::r7, offsetof(RedirectEntry, closing), A::r1);
  a.load(A::u64, A::r2, A::r7, offsetof(RedirectEntry, idle));
  a.jump(BPF_JEQ, A::r1, 0, "open");
  a.load(A::u64, A::r2, A::r7, offsetof(RedirectEntry, linger));
  a.label("open");
  a.jump(BPF_JEQ, A::r2, 0, "kept");
  a.calculate(BPF_ADD, A::r2, A::r9);
  a.store(A::u64, A::r7, offsetof(RedirectEntry, until), A::r2);
  a.label("kept");
}

/// kTtl: the next one on the ladder. Jumps to "drop" at its end. `at`: of the old one, on the stack.
void lower_ttl(A& a, std::int16_t at, const A::Label& done) {
  a.load(A::u8, A::r1, A::fp, at);
  a.jump(BPF_JLE, A::r1, kTtlStep, "drop");
  a.calculate(BPF_SUB, A::r1, 1);
  a.calculate(BPF_AND, A::r1, -kTtlStep);
  a.jump(BPF_JLE, A::r1, kTtlMost, done);
  a.move(A::r1, kTtlMost);
  a.label(done);
  a.store(A::u8, A::fp, kTtl, A::r1);
}

void write_frame(A& a, std::int32_t offset, A::Register from, std::int32_t count) {
  a.move(A::r3, from);
  a.move(A::r1, A::r6);
  a.move(A::r2, offset);
  a.move(A::r4, count);
  a.move(A::r5, 0);
  a.call(BPF_FUNC_skb_store_bytes);
}

void write_ttl(A& a, std::int32_t offset) {
  a.move(A::r7, A::fp);  // the entry has served
  a.calculate(BPF_ADD, A::r7, kTtl);
  write_frame(a, offset, A::r7, 1);
}

void leave(A& a) {
  write_frame(a, 0, A::r7, 12);
  a.load(A::u32, A::r9, A::r7, offsetof(RedirectEntry, interface));
  a.load(A::u16, A::r1, A::fp, kEtherType);
  a.jump(BPF_JEQ, A::r1, htons(ETH_P_IPV6), "ttl6");
  lower_ttl(a, kIp + 8, "ttl4_known");
  a.store(A::u8, A::fp, kTtl + 1, IPPROTO_TCP);
  a.move(A::r1, A::r6);
  a.move(A::r2, kIpAt + 10);
  a.load(A::u16, A::r3, A::fp, kIp + 8);
  a.load(A::u16, A::r4, A::fp, kTtl);
  a.move(A::r5, 2);
  a.call(BPF_FUNC_l3_csum_replace);
  write_ttl(a, kIpAt + 8);
  a.jump("out");
  a.label("ttl6");
  lower_ttl(a, kIp + 7, "ttl6_known");
  write_ttl(a, kIpAt + 7);
  a.label("out");
  a.move(A::r1, A::r9);
  a.move(A::r2, 0);
  a.call(BPF_FUNC_redirect);
  a.exit();
}

}  // namespace

FlowKey key_of(const Flow& flow) noexcept {
  FlowKey key{};
  auto at = std::ranges::copy(flow.client.address, key.bytes).out;
  at = std::ranges::copy(flow.local.address, at).out;
  for (const auto port : {flow.client.port, flow.local.port}) {
    *at++ = static_cast<std::uint8_t>(port >> 8);
    *at++ = static_cast<std::uint8_t>(port);
  }
  return key;
}

Flow flow_of(const FlowKey& key) noexcept {
  Flow flow;
  ByteReader in{key.bytes};
  std::ranges::copy(*in.take(16), flow.client.address.begin());
  std::ranges::copy(*in.take(16), flow.local.address.begin());
  flow.client.port = *in.u16();
  flow.local.port = *in.u16();
  return flow;
}

std::vector<bpf_insn> ingress_program(int redirect_map, int hold_map) {
  A a;
  read_key(a);
  look_up_valid<RedirectEntry>(a, redirect_map, "hold");
  turn_back(a, hold_map);
  count_frame<RedirectEntry>(a);
  keep_entry(a);
  leave(a);
  a.label("hold");
  look_up_valid<HoldEntry>(a, hold_map, "other");
  a.label("held");
  count_frame<HoldEntry>(a);
  a.label("drop");
  a.exit(TC_ACT_SHOT);
  a.label("other");
  a.exit(TC_ACT_UNSPEC);
  return a.finish();
}

std::vector<bpf_insn> capture_program(int hold_map) {
  A a;
  read_key(a);
  look_up_valid<HoldEntry>(a, hold_map, "other");
  a.exit(-1);
  a.label("other");
  a.exit(0);
  return a.finish();
}

}  // namespace sluice::cluster::tcp
