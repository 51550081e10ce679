#pragma once
#include <string>
#include <vector>

#include "admission/controller.hpp"

/// Recorded samples through the production controller.
namespace sluice::tools {

struct Decided {
  double t = 0;  ///< Seconds since the first sample's period began.
  admission::Sample sample{};
  admission::Plan plan{};
  double trim = 1;
};

std::vector<Decided> decide_all(const admission::Settings& settings,
                                const std::vector<admission::Sample>& samples);

/// A line each, for people.
std::string table(const std::vector<Decided>& decisions);
/// The same figures, unrounded; "inf" where there is no bound.
std::string csv(const std::vector<Decided>& decisions);

}  // namespace sluice::tools
