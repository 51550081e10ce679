#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "loadgen/model/transitions.hpp"

namespace sluice::loadgen {

/// What a model asks for when every page is good and has items: no "Sorry", no errors.
struct Mix {
  std::vector<double> shares;  ///< Of all requests, by state, 0 to 1.
  double requests_per_session = 0;
  double mean_wait_s = 0;      ///< By the table, before each request but the first.
  std::uint64_t sessions = 0;  ///< Simulated; all of them came to their end.
};

/// Simulates whole sessions until there are `requests` or more.
Mix simulate(const Transitions& transitions, std::uint64_t requests, std::uint64_t seed);

/// A simulation of 100,000 requests as a small table for people: states by share, session length, wait.
std::string describe(const Transitions& transitions, std::uint64_t seed);

}  // namespace sluice::loadgen
