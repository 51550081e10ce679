#pragma once
#include <string>
#include <vector>

#include "tools/sim/scenario.hpp"

/// What is simulated: members of a cluster, and the balancer in front of them.
namespace sluice::tools {

/// How a balancer that knows nothing of TLS spreads connections over the members that live.
enum class Balancer {
  round_robin,
  hash,  ///< By the client's address: few addresses fall unevenly.
  skew,  ///< A share of them to the first members, the rest to the others.
};

/// Something that befalls a member. There is no way back.
struct Fault {
  enum class Kind {
    kill,       ///< Not a word more, not even a FIN; its sessions are lost.
    partition,  ///< Nothing passes between it and other members; clients still reach it.
  } kind = Kind::kill;
  unsigned member = 0;  ///< From 0.
  double at_s = 0;
};

struct ClusterScenario {
  /// Machine, costs, visitors, policy and seed of each member. Its profile is that of the whole cluster, its
  /// faults and changes are not used.
  Scenario each{};
  unsigned members = 3;
  Balancer balancer = Balancer::round_robin;
  unsigned addresses = 16;  ///< `hash`: of clients.
  double skew = 0.8;        ///< `skew`: the share ...
  unsigned hot = 1;         ///< ... of the first so many members.
  bool delegate = true;
  bool share_takes = true;  ///< Senders share what a member takes; false: each believes to be alone.
  double relay_s = 0.5e-3;  ///< CPU seconds that a session takes at the member that relays it.
  double delay_s = 0.5e-3;  ///< Between members, one way.
  double loss = 0;          ///< Share of digests that do not arrive.
  std::vector<Fault> faults{};

  /// Sessions per second that all members could complete, if none had to be relayed.
  double capacity() const noexcept { return members * each.capacity(each.machine.cpus); }
  /// A sentence about the first thing that makes no sense; empty when all is well.
  std::string problem() const;
};

}  // namespace sluice::tools
