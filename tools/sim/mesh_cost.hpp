#pragma once
#include <cstddef>
#include <string>

/// What the full mesh takes: every member keeps a connection to each other one, says on it four times a
/// second how it is, and is answered. Counted, but for the CPU.
namespace sluice::tools {

/// CPU seconds of a member, as tests/bench/mesh.py measured them. Among few, each message finds the thread
/// asleep; among many, it takes several at a time.
struct MeshPrices {
  double woken_s = 100e-6;     ///< A heartbeat, for each other member: two digests and two answers.
  double busy_s = 40e-6;       ///< The same among many ...
  double always_s = 1.9e-3;    ///< ... and besides, whatever their number.
  double joining_s = 1.06e-3;  ///< Two handshakes with each other member, and the first words.
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
