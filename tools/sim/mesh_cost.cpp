#include "tools/sim/mesh_cost.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cluster/members.hpp"
#include "cluster/protocol.hpp"

namespace sluice::tools {

namespace {

constexpr double kBeatsPerS = 1 / cluster::Members::kHeartbeatS;
constexpr std::size_t kRecord = 5 + 1 + 16;     // head, type, tag (RFC 8446 section 5.2)
constexpr std::size_t kSegment = 20 + 20 + 12;  // IPv4, TCP, timestamps (RFC 7323)
constexpr std::size_t kOthersDescriptors = 2;   // dialed and accepted
constexpr std::array<unsigned, 6> kSizes{3, 16, 64, 128, 256, 512};

}  // namespace

std::size_t digest_size() {
  tls::SecretBuffer bytes;
  cluster::append(cluster::Digest{.policy = "session-budget"}, bytes);
  return bytes.size();
}

std::size_t digest_on_wire() { return digest_size() + kRecord + kSegment; }

MeshCost mesh_cost(unsigned members, const MeshPrices& prices) {
  const double others = members - 1.0, pairs = members * others;
  // The answer acknowledges the digest, and is acknowledged by a segment of its own: the next digest is late.
  const double exchange_bytes = 2.0 * static_cast<double>(digest_on_wire()) + kSegment;
  MeshCost cost{.members = members, .connections = pairs};
  cost.messages_per_s = 2 * kBeatsPerS * pairs;
  cost.bytes_per_s = kBeatsPerS * pairs * exchange_bytes;
  cost.cpu = kBeatsPerS * std::min(prices.woken_s * others, prices.always_s + prices.busy_s * others);
  cost.descriptors = kOthersDescriptors * others;
  cost.join_cpu_s = others * prices.joining_s;
  return cost;
}

std::string mesh_table(const MeshPrices& prices) {
  std::string text =
      "  members  connections  messages/s      MB/s  KB/s each  CPU each  descriptors each  joining at "
      "once\n";
  for (const unsigned members : kSizes) {
    const MeshCost cost = mesh_cost(members, prices);
    std::array<char, 200> line{};
    std::snprintf(line.data(), line.size(), "  %7u %12.0f %11.0f %9.2f %10.1f %8.2f%% %17.0f %8.2f CPU s\n",
                  members, cost.connections, cost.messages_per_s, cost.bytes_per_s / 1e6,
                  2 * cost.bytes_per_s / members / 1e3, 100 * cost.cpu, cost.descriptors, cost.join_cpu_s);
    text += line.data();
  }
  return text;
}

}  // namespace sluice::tools
