#include "server/config.hpp"

namespace sluice::server {

using namespace std::chrono_literals;

namespace {

void declare_admission(Settings& settings, AdmissionConfig& a) {
  settings.add_choice(
      "admission.policy", a.policy, {"off", "observe", "paper", "session-budget"},
      "Who comes in: everybody; everybody, but plan; the paper's law; as many sessions as can be "
      "carried to their end");
  settings.add_choice("admission.refusal", a.refusal, {"ladder", "explain", "alert", "reset"},
                      "How newcomers are refused; anything but \"ladder\" is for experiments");
  settings.add("admission.utilization", a.utilization_percent, 10, 100, "Percent of the CPUs to plan for");
  settings.add("admission.response_target", a.response_target, 1ms, 10s,
               "Standing wait that sessions may cause each other");
  settings.add("admission.park_max", a.park_max, 0ms, 10s, "Longest wait of a newcomer at the gate");
  settings.add("admission.parked", a.parked, 0, 1'000'000, "Newcomers that wait at the gate");
  settings.add("admission.sessions", a.sessions, 16, 100'000'000, "Sessions remembered");
  settings.add("admission.session_memory", a.session_memory, 1s, 7 * 24h,
               "A session not seen for so long is a newcomer again");
  settings.add("admission.resumptions", a.resumptions, 1, 1'000'000,
               "Resumed handshakes of a session in 10 s");
  settings.add("admission.resumed_cpu", a.resumed_cpu_percent, 1, 100,
               "Percent of the CPUs for resumed handshakes; beyond it only of sessions that seldom resume");
  settings.add("admission.work_wait", a.work_wait, 0ms, 1min,
               "Longest wait of a request for its turn while a database is slow (503)");
  settings.add("admission.work_waiting", a.work_waiting, 0, 1'000'000, "Requests that wait for such a turn");
  settings.add("admission.paper_interval", a.paper_interval, 100ms, 1min, "Interval of the paper's law");
  settings.add_choice("admission.paper_cost", a.paper_cost, {"handshake", "connection"},
                      "What the paper's law takes for the cost of a connection");
  settings.add("admission.paper_new", a.paper_new_us, 0, 100'000'000,
               "Its cost of a new connection, CPU microseconds; 0: measured");
  settings.add("admission.paper_resumed", a.paper_resumed_us, 0, 100'000'000,
               "Its cost of a resumed connection, CPU microseconds; 0: measured");
}

}  // namespace

void Config::declare(Settings& settings) {
  settings.add("server.listen", listen, "Addresses (host:port) of the HTTPS listeners");
  settings.add("server.processors", processors, 0, 1024, "Threads that serve; 0: one per usable CPU");
  settings.add("server.keepalive_timeout", keepalive_timeout, 1ms, 1h,
               "Idle persistent connections are closed after this");
  settings.add("server.drain_grace", drain_grace, 0ms, 10min,
               "After TERM: not ready any more, but still taking connections until balancers have noticed");
  settings.add("server.drain_timeout", drain_timeout, 0ms, 1h,
               "Longest wait for open connections after TERM");
  settings.add("server.static_root", static_root, "Directory served beside the application; empty: none");
  settings.add("server.state_dir", state_dir, "Where the server may write");
  settings.add("server.hsts_max_age", hsts_max_age, 0ms, 10 * 8760h,
               "Strict-Transport-Security; 0s: not sent");
  settings.add("server.backlog", backlog, 1, 65'535, "Kernel queue of connections not yet accepted");
  settings.add("tls.certificate", certificate, "PEM chains: one file per key type (ECDSA, RSA)");
  settings.add("tls.private_key", private_key, "PEM keys, in the order of tls.certificate");
  settings.add_choice("tls.min_version", tls_min_version, {"1.2", "1.3"}, "Oldest TLS version spoken");
  settings.add_choice("tls.record_layer", tls_record_layer, {"own", "openssl"},
                      "What protects the records behind the handshake");
  settings.add("tls.session_timeout", session_timeout, 1s, 7 * 24h,
               "Tickets and sessions older than this do not resume");
  settings.add("tls.ticket_key_lifetime", ticket_key_lifetime, 5s, 7 * 24h,
               "Tickets are sealed with a new key after this");
  settings.add("tls.session_cache", session_cache, 0, 10'000'000,
               "Sessions kept for clients without tickets");
  auto& l = limits;
  settings.add("limits.hello_bytes", l.hello_bytes, 512, 16 * 1024, "Size of a ClientHello");
  settings.add("limits.hello_timeout", l.hello_timeout, 10ms, 5min, "From accept to the whole ClientHello");
  settings.add("limits.handshake_timeout", l.handshake_timeout, 10ms, 5min,
               "From the ClientHello to the end of the handshake");
  settings.add("limits.header_bytes", l.head_bytes, 1024, 1 << 20,
               "Request line and header fields together (431)");
  settings.add("limits.header_fields", l.head_fields, 8, 10'000, "Number of header fields (431)");
  settings.add("limits.header_timeout", l.head_timeout, 10ms, 5min,
               "From a request's first byte to the end of its head (408)");
  settings.add("limits.uri_bytes", l.uri_bytes, 256, 1 << 20, "Length of a request target (414)");
  settings.add("limits.body_bytes", l.body_bytes, 0, 1 << 30, "Size of a request body (413)");
  settings.add("limits.body_timeout", l.body_timeout, 10ms, 1h,
               "From the end of the head to the end of the body (408)");
  settings.add("limits.write_timeout", l.write_timeout, 10ms, 1h,
               "For writing a response, whatever its size");
  settings.add("limits.write_rate", l.write_rate, 1, 1 << 30,
               "Bytes of a response that earn one second more");
  settings.add("limits.close_timeout", l.close_timeout, 1ms, 1min, "For closing a connection in good order");
  settings.add("limits.requests_per_connection", l.requests_per_connection, 1, UINT32_MAX,
               "Then the connection is closed");
  settings.add("limits.connections", l.connections, 1, 10'000'000, "Open connections in all");
  settings.add("limits.connections_per_address", l.connections_per_address, 1, 10'000'000,
               "Open connections per IPv4 address or IPv6 /64");
  declare_admission(settings, admission);
  settings.add("admin.listen", admin_listen,
               "host:port or unix:PATH of metrics, health and control; empty: none");
  settings.add("admin.token", admin_token,
               "Bearer token; required when admin.listen is reachable from elsewhere");
  settings.add("log.access", access_log, "JSON access log: a file, \"-\" for standard output, \"off\"");
}

namespace {
bool is_loopback(std::string_view listen) {
  return listen.starts_with("127.") || listen.starts_with("[::1]") || listen.starts_with("localhost:");
}
}  // namespace

std::vector<Problem> Config::check() const {
  std::vector<Problem> problems;
  const auto require = [&](bool fine, const char* key, const char* what) {
    if (!fine) problems.push_back({key, what});
  };
  require(!listen.empty(), "server.listen", "needs at least one address");
  require(!certificate.empty(), "tls.certificate", "needs at least one certificate (or start with --dev)");
  require(certificate.size() == private_key.size(), "tls.private_key",
          "needs one key for each tls.certificate");
  require(limits.uri_bytes < limits.head_bytes, "limits.uri_bytes",
          "must be smaller than limits.header_bytes");
  const bool local = admin_listen.empty() || admin_listen.starts_with("unix:") || is_loopback(admin_listen);
  require(local || !admin_token.empty(), "admin.token",
          "is required when admin.listen is not a loopback address or a Unix socket");
  return problems;
}

}  // namespace sluice::server
