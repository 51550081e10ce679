#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "admission/controller.hpp"
#include "tools/sim/cluster_scenario.hpp"
#include "tools/sim/scenario.hpp"

/// From the words of a command line to what they mean.
namespace sluice::tools {

/// Options as they were written; an empty one was not given.
struct PolicyWords {
  std::string policy = "session-budget", paper_cost = "connection";
  std::string paper_interval = "2s", paper_new = "0", paper_resumed = "0";
  std::vector<std::string> budget{};
};

struct SimulateWords {
  PolicyWords policy{};
  std::string preset = "today";
  std::string cpus, processors, backlog, keepalive, sessions_first, notice_gone;
  std::string full, resumed, request, refusal, accept;
  std::string requests, think, timeout, retry;
  bool goodbye = false;
  std::string rate, load, profile, duration, warmup, park, table;
  std::vector<std::string> cost_factors, cpu_counts;
  std::uint64_t seed = 1;
  std::string csv, json;
};

/// `each`: of a member. Its costs of resuming, its backlog and the like are not read.
struct ClusterWords {
  SimulateWords each = at_member();
  std::string members = "3", balancer = "round-robin", addresses = "16";
  std::string skew, hot;  ///< Empty: none; a third of the members.
  std::string relay = "0.5ms", delay = "0.5ms", loss = "0";
  std::vector<std::string> kills, partitions;
  bool no_delegation = false, unshared = false;

 private:
  static SimulateWords at_member() {
    SimulateWords words;
    words.preset = "member";
    return words;
  }
};

/// All throw UsageError with a sentence that quotes the option.
admission::Settings settings_from(const PolicyWords& words);
/// `machines`: multiples of the capacity are of so many of them.
Scenario scenario_from(const SimulateWords& words, unsigned machines = 1);
ClusterScenario cluster_scenario_from(const ClusterWords& words);

}  // namespace sluice::tools
