#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/lab/certificate.hpp"
#include "loadgen/lab/lab.hpp"

/// `lab cluster-balance`: what is measured. Pure: no clock, no process, no socket.
///
/// The schemes are those that Hatsugai & Saito (AINA 2007) weigh against each other: a balancer that
/// remembers which server a client or a session belongs to, or one that remembers nothing, in front of
/// servers among which sessions migrate.
namespace sluice::loadgen::lab {

inline constexpr std::string_view kClusterBalance = "cluster-balance";
inline constexpr std::string_view kClusterBalanceShows =
    "Three members behind a balancer that goes by address, by session or by nothing, with and without "
    "session "
    "migration: completed sessions, full handshakes, CPU of each member, latency";

/// How the balancer chooses a member for a connection.
enum class Scheme : std::uint8_t {
  address_hash,  ///< Always the same one for a client address.
  session_id,    ///< The one that made the TLS session of this ID (HAProxy's stick table).
  round_robin,
  weighted,  ///< In turn, two for the first, one for each other, as when weights no longer fit the machines.
  least_connections,
};
/// Who comes. The work that is offered is the same.
enum class Clients : std::uint8_t {
  even,   ///< From many addresses.
  few,    ///< From two, as behind NAT.
  heavy,  ///< Two fifths of the work is that of long sessions from one address.
};
std::span<const Scheme> schemes() noexcept;
std::string_view name_of(Scheme scheme) noexcept;     ///< As `--scheme` takes it.
std::string_view title_of(Scheme scheme) noexcept;    ///< As people read it.
std::string_view title_of(Clients clients) noexcept;  ///< "clients from many addresses"
bool needs_haproxy(Scheme scheme) noexcept;

struct ClusterCase {
  Scheme scheme = Scheme::round_robin;
  bool migration = false;
  Clients clients = Clients::even;
};

/// How sessions of one kind go.
struct SessionKind {
  unsigned requests = 0;  ///< At most; each on a connection of its own, so each is balanced and resumes.
  double think_s = 0;     ///< Mean, exponential.
};

struct ClusterPlan {
  unsigned members = 3;
  double cpus = 0.25;     ///< Of each member.
  double offered = 0.75;  ///< Of what all members can do, in CPU.
  SessionKind light{}, heavy{};
  KeyKind certificate = KeyKind::rsa2048;
  std::string tls = "1.2", resume = "session-id";
  double timeout_s = 3, warmup_s = 0, window_s = 0, calibration_s = 0;
  std::uint32_t shop_users = 0, shop_items = 0;
  std::vector<ClusterCase> cases{};  ///< In the order in which they are measured.
};

inline constexpr unsigned kCalibrations = 3;  ///< Of the cost of each kind of session.

/// Without HAProxy its schemes are left out. Throws UsageError for what makes no sense.
ClusterPlan make_cluster_plan(const LabOptions& options, bool haproxy);
double expected_total_s(const ClusterPlan& plan);

/// New sessions per second of each kind for `clients`, given the CPU seconds that a session of each costs.
struct ClusterLoad {
  double light = 0, heavy = 0;
};
ClusterLoad load_of(const ClusterPlan& plan, Clients clients, double light_cpu_s, double heavy_cpu_s);
/// Where they come from; the rig routes 10.88.64.0/18 to its clients.
std::vector<std::string> light_sources(Clients clients);
std::vector<std::string> heavy_sources();

/// A transition table: from the home page to a category, and on through lists and items without an end, so
/// that sessions are as long as they are meant to be.
std::string_view endless_model() noexcept;

/// What `sluice-rig balance` is told; empty when the scheme is HAProxy's.
std::vector<std::string> rig_words(Scheme scheme);
/// `members`: host:port each; `listen`: host:port.
std::string haproxy_config(Scheme scheme, const std::string& listen, const std::vector<std::string>& members);

}  // namespace sluice::loadgen::lab
