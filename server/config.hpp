#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "server/settings.hpp"

/// The server's settings. Durations are wall time; a bound that is hit is counted in `limit_hits_total`.
namespace sluice::server {

struct Limits {
  using Duration = std::chrono::milliseconds;

  std::uint64_t hello_bytes = 16 * 1024;  ///< A ClientHello with its record headers.
  Duration hello_timeout{5'000};          ///< From accept to the whole hello.
  Duration handshake_timeout{5'000};      ///< From the hello to the end of the handshake.
  std::uint64_t head_bytes = 32 * 1024;   ///< Request line and fields together.
  std::uint64_t head_fields = 100;
  Duration head_timeout{10'000};           ///< From a request's first byte to the end of its head.
  std::uint64_t uri_bytes = 16 * 1024;     ///< RUBiS' InitDB sends 9 KB.
  std::uint64_t body_bytes = 1024 * 1024;  ///< Decoded.
  Duration body_timeout{30'000};           ///< From the end of the head to the end of the body.
  Duration write_timeout{10'000};          ///< For a response of any size ...
  std::uint64_t write_rate = 16 * 1024;    ///< ... and one second more for each so many bytes of it.
  Duration close_timeout{2'000};           ///< For close_notify and for what the peer still sends.
  std::uint64_t requests_per_connection = 1'000'000;
  std::uint64_t connections = 100'000;             ///< In all; shared out evenly over the processors.
  std::uint64_t connections_per_address = 10'000;  ///< Per IPv4 address or IPv6 /64; shared out likewise.
};

/// None of these has to be touched; docs/admission.md says what each default was measured from.
struct AdmissionConfig {
  using Duration = std::chrono::milliseconds;

  std::string policy{"session-budget"};  ///< "off", "observe", "paper" or "session-budget".
  std::string refusal{"ladder"};         ///< Or always "explain", "alert" or "reset", for experiments.
  std::uint64_t utilization_percent = 99;
  Duration response_target{100};
  Duration park_max{100};
  std::uint64_t parked = 256;              ///< In all; shared out evenly over the processors.
  std::uint64_t sessions = 1'000'000;      ///< Remembered.
  Duration session_memory{1'800'000};      ///< A session not seen for so long is a newcomer again.
  std::uint64_t resumptions = 6;           ///< Of one session in 10 s.
  std::uint64_t resumed_cpu_percent = 25;  ///< Of the CPUs, for resumed handshakes.
  Duration work_wait{2'000};               ///< Of a request, while a database is slow.
  std::uint64_t work_waiting = 1024;       ///< Such requests; shared out evenly over the processors.
  Duration paper_interval{2'000};
  std::string paper_cost{"connection"};  ///< Or "handshake".
  std::uint64_t paper_new_us = 0;        ///< CPU microseconds; 0: measured.
  std::uint64_t paper_resumed_us = 0;
};

struct Config {
  using Duration = std::chrono::milliseconds;

  // [server]
  std::vector<std::string> listen{"0.0.0.0:8443"};  ///< host:port, port 0 picks a free one.
  std::uint64_t processors = 0;                     ///< 0: one per CPU this process may use.
  Duration keepalive_timeout{10'000};               ///< Idle persistent connections; 10 s as in the paper.
  Duration drain_grace{0};              ///< After TERM: it still takes connections, while balancers notice.
  Duration drain_timeout{30'000};       ///< After TERM: what is still open then is cut.
  std::filesystem::path static_root{};  ///< Served beside the application; empty: nothing.
  std::filesystem::path state_dir{"/var/lib/sluice"};
  Duration hsts_max_age{365 * 24 * 3'600'000LL};  ///< Strict-Transport-Security; 0: not sent (localhost).
  std::uint64_t backlog = 1024;                   ///< Kernel queue of connections not yet accepted.
  // [tls]
  std::vector<std::string> certificate{};  ///< PEM chains, one per key type.
  std::vector<std::string> private_key{};  ///< In the order of `certificate`.
  std::string tls_min_version{"1.2"};
  std::string tls_record_layer{"own"};           ///< Or "openssl", for comparison.
  Duration session_timeout{12 * 3'600'000};      ///< Tickets and session IDs older than this do not resume.
  Duration ticket_key_lifetime{12 * 3'600'000};  ///< New tickets get a new key after this.
  std::uint64_t session_cache = 20'000;          ///< Sessions kept for clients with session IDs (no tickets).
  // [limits]
  Limits limits{};
  // [admission]
  AdmissionConfig admission{};
  // [admin]
  std::string admin_listen{"127.0.0.1:9180"};  ///< host:port, unix:PATH, or empty for none.
  std::string admin_token{};  ///< Required unless `admin_listen` is a loopback address or a Unix socket.
  // [log]
  std::string access_log{"-"};  ///< A file, "-" for standard output, "off".

  void declare(Settings& settings);
  /// What is wrong in combination; each key alone was checked when it was set.
  std::vector<Problem> check() const;
};

}  // namespace sluice::server
