#pragma once
#include <chrono>
#include <string>

#include "server/server.hpp"

/// What the server says of itself. Read on the admin thread while processors count on.
namespace sluice::server {

inline constexpr const char* kVersion = SLUICE_VERSION;

/// Prometheus' text exposition format (version 0.0.4): counters of all processors added up, the application's
/// own metrics, `process_*` and `sluice_build_info`. `admin_refused`: connections beyond the admin listener's
/// own bound.
std::string metrics_text(const Server& server, std::uint64_t admin_refused);

/// JSON for people and scripts: version, state, uptime, listeners, connections, handshakes, requests.
/// `upgrade`: how the last one went.
std::string status_json(const Server& server, std::chrono::seconds uptime, boost::json::object upgrade);

}  // namespace sluice::server
