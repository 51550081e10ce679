#pragma once
#include <string>

#include "loadgen/result.hpp"

namespace sluice::loadgen {

/// The summary a person reads from top to bottom: verdict first, then sessions, refusals, latencies,
/// handshakes, the server's account, limits. Lines of at most 110 columns, no colours.
std::string summary(const Result& result);

}  // namespace sluice::loadgen
