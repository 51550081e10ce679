#pragma once
#include <linux/bpf.h>

#include <cstdint>
#include <vector>

#include "cluster/tcp/ingress.hpp"

/// The two programs that see every frame that comes in, and their tables.
namespace sluice::cluster::tcp {

/// Key of both tables: addresses and ports as they stand in a frame that comes from the client.
struct FlowKey {
  std::uint8_t bytes[36];
};
FlowKey key_of(const Flow& flow) noexcept;
Flow flow_of(const FlowKey& key) noexcept;

/// Times are CLOCK_MONOTONIC, ns. An entry whose time is up is as good as none, so that nothing lasts when
/// the helper is gone.
struct RedirectEntry {
  std::uint8_t to[6];    ///< MAC of the member that has the flow,
  std::uint8_t from[6];  ///< and of the interface that the frame leaves by.
  std::uint32_t interface;
  std::uint64_t until;
  std::uint64_t idle;    ///< A frame puts `until` off to so long after it; 0: no frame does.
  std::uint64_t linger;  ///< The same, once the client has sent FIN or RST.
  std::uint64_t frames;  ///< So far.
  std::uint32_t
      closing;  ///< FIN (1) and RST (4) that came from the client; a RST that something followed was none.
  std::uint32_t unused;
};
static_assert(sizeof(RedirectEntry) == 56);

struct HoldEntry {
  std::uint64_t until;
  std::uint64_t frames;
  std::uint8_t source[6];  ///< MAC of the member that had the flow.
  std::uint8_t unused[2];
};
static_assert(sizeof(HoldEntry) == 24);

/// For tc, direct action. In this order: a flow that is redirected leaves with the entry's MACs; one that is
/// held is dropped; anything else goes on to the next filter. Who is both (the flow comes back to where its
/// frames pass already) drops only what the flow's source has sent here.
///
/// A redirected frame's TTL becomes the next lower multiple of 4, at most 32, and at 0 it is dropped: however
/// wrong the tables of several members are, no frame is redirected more than kRedirectsMax times.
std::vector<bpf_insn> ingress_program(int redirect_map, int hold_map);

/// For a packet socket: takes frames of flows that are held, redirected or not.
std::vector<bpf_insn> capture_program(int hold_map);

}  // namespace sluice::cluster::tcp
