#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "admission/controller.hpp"
#include "admission/gate.hpp"
#include "admission/session_table.hpp"
#include "cluster/members.hpp"
#include "cluster/placement.hpp"
#include "tools/sim/cluster_scenario.hpp"
#include "tools/sim/machine.hpp"
#include "tools/sim/sensor.hpp"

namespace sluice::tools {

/// One member: its CPUs, and the production code that decides there. Placement and Members are the cluster's,
/// controller, gate and session table the server's; what node/cluster_node.cpp and cluster/cluster.cpp make
/// of their figures before they are said is done here once more.
class ClusterMember {
 public:
  using Instant = admission::Instant;
  /// What a CPU is doing.
  struct Begun {
    enum class Outcome : std::uint8_t {
      relayed,
      parked,
      granted,
      refused,
      full,
      passed,
      answered,
      vanished
    } outcome;
    double cost_s = 0;
  };

  ClusterMember(const ClusterScenario& scenario, unsigned index, Instant now);

  /// A control period ended.
  void control(Instant now);
  /// What it says to the others now.
  cluster::Digest measure();
  /// Learns what the others said, and who fell silent.
  void update(const cluster::Digest& own, Instant now);

  const ClusterScenario& scenario;
  const cluster::Hello hello;
  const tls::MemberNumber number;

  Cpus cpus;
  std::vector<Begun> running;  ///< By CPU.
  Sensor sensor;
  admission::SessionTable table;
  admission::Gate gate;
  cluster::Members members;
  cluster::Placement placement;
  bool alive = true, cut_off = false;
  bool polled = false;   ///< A look at its gate is scheduled.
  double in_flight = 0;  ///< Requests.
  double busy_s = 0;     ///< CPU seconds of the second under way.
  double measured_busy_s = 0;
  double busy_share = 0;                   ///< Of its CPUs, smoothed over some seconds.
  std::uint64_t received = 0;              ///< Newcomers from other members.
  std::deque<cluster::Digest> on_the_way;  ///< Digests of its own that have not arrived yet.

  /// Newcomers that came since it last spoke, and how many it said it would take until then.
  struct Taken {
    double came = 0, takes = 0;
  };
  /// Begins anew with `digest`.
  Taken taken(const cluster::Digest& digest);

 private:
  admission::State state_{};
  admission::Plan plan_{};
  admission::Sample sample_{};
  double idle_milli_ = 0, received_per_s_ = 0, takes_ = 0;
  std::uint64_t received_before_ = 0, received_at_digest_ = 0;
};

}  // namespace sluice::tools
