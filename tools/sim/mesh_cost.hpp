#pragma once
#include <cstddef>
#include <string>

/// What the full mesh takes: every member keeps a connection to each other one, says on it four times a
/// second how it is, and is answered. Counted, but for the CPU.
namespace sluice::tools {

/// CPU seconds, as tests/bench/mesh.py measures them.
struct MeshPrices {
  double exchange_s = 45e-6;  ///< A digest and its answer, at both ends together.
  double pair_s = 0;          ///< Of a heartbeat, for each pair of members in it: what grows with the square.
  double handshake_s = 1.5e-3;  ///< At both ends together, with the hello and the first keys.
};

struct MeshCost {
  unsigned members = 0;
  double connections = 0;     ///< In all. Each member has two descriptors for each other one.
  double messages_per_s = 0;  ///< In all.
  double bytes_per_s = 0;     ///< In all, on the wire above Ethernet.
  double cpu = 0;             ///< Of each member, in CPUs.
  double descriptors = 0;     ///< Of each member.
  double join_cpu_s = 0;      ///< Of each member, when all start at once.
};

/// A digest as the codec writes it, in bytes.
std::size_t digest_size();
/// The same in a TLS record in a TCP segment of IPv4.
std::size_t digest_on_wire();
MeshCost mesh_cost(unsigned members, const MeshPrices& prices = {});
/// For the sizes that people ask for.
std::string mesh_table(const MeshPrices& prices = {});

}  // namespace sluice::tools
