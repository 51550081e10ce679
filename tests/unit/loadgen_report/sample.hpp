#pragma once
#include "loadgen/result.hpp"

/// Results as a run would give them, made up by formulas: the same on every machine.
namespace sluice::loadgen {

/// A step of load in the middle third overloads a server that then refuses newcomers; every kind of figure
/// is there, also attacks, limits and the server's own account. `part` makes repeats differ a little.
Result sample_sessions(unsigned seconds = 60, unsigned part = 0);
Result sample_requests();
Result sample_handshakes();

}  // namespace sluice::loadgen
