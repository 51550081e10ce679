#pragma once
#include <cstdint>
#include <optional>

#include "loadgen/result.hpp"

/// Whether the figures say something about the server.
namespace sluice::loadgen {

struct VerdictInput {
  double own_cpu = 0;     ///< Busiest thread over the window: CPU used and waited for, share of one CPU.
  double lag_p99_ms = 0;  ///< Of timers of the schedule.
  double planned = 0;     ///< Arrivals the schedule wanted in the window, 0 in a closed loop.
  double started = 0;     ///< Of these, started.
  std::uint64_t no_ports = 0, no_descriptors = 0;
  std::uint64_t unsuccessful = 0;            ///< Sessions refused or abandoned.
  std::optional<double> server_cpu_share{};  ///< Of what it may use, 0 to 1; none when not measured.
};

/// Client-limited: own CPU over 85 %, lag p99 over 10 ms, arrivals more than 1 % off the schedule, ports or
/// descriptors ran out. Server not saturated: its CPU is known, under 85 %, and nobody was refused or
/// abandoned. Otherwise valid. Every reason is a sentence with its figure and, where there is one, a way out.
Verdict judge(const VerdictInput& input);

}  // namespace sluice::loadgen
