#include "node/cluster_node.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <openssl/crypto.h>

#include "server/listener.hpp"

namespace sluice::node {

namespace {

/// As many bits as the keys that are made of it.
constexpr std::size_t kSecretMin = 32, kSecretMax = 4096;

tls::SecretBytes read_secret(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  tls::SecretBuffer bytes;
  bytes.reserve(kSecretMax + 1);
  for (char c = 0; bytes.size() <= kSecretMax && in.get(c);) bytes.push_back(static_cast<std::uint8_t>(c));
  if (bytes.size() < kSecretMin || bytes.size() > kSecretMax) {
    throw std::runtime_error("the ticket secret " + file +
                             " (cluster.ticket_secret_file) can't be read, or has not 32 to 4096 bytes");
  }
  return tls::SecretBytes{Bytes{bytes}};
}

cluster::Options options_of(const ClusterConfig& config, std::uint16_t service_port) {
  return {.listen = server::parse_endpoint(config.listen),
          .advertise = config.advertise,
          .service_port = service_port,
          .agent_listen = config.agent_listen.empty()
                              ? std::nullopt
                              : std::optional(server::parse_endpoint(config.agent_listen)),
          .peers = config.peers,
          .identity = {.certificate = config.certificate,
                       .private_key = config.private_key,
                       .authority = config.authority},
          .fetch_timeout = config.fetch_timeout};
}

std::uint32_t whole(double value) { return static_cast<std::uint32_t>(std::clamp(value, 0.0, 4e9)); }

/// How much room there is, as admission sees it.
cluster::Load load_of(const server::Server& server) {
  const auto view = server.admission().view();
  const auto& sample = view.sample;
  const double used = sample.elapsed_s > 0 ? sample.cpu_total() / sample.elapsed_s : 0;
  cluster::Digest digest;
  digest.state = server.draining() ? cluster::MemberState::draining : cluster::MemberState::serving;
  digest.policy = admission::name_of(view.plan.policy);
  digest.cpus_milli = whole(sample.cpus * 1000);
  digest.idle_milli = whole((sample.cpus - used) * 1000);
  digest.live_sessions = static_cast<std::uint32_t>(server.admission().sessions().live());
  const double room = std::min(view.plan.sessions_max - digest.live_sessions, view.plan.quota);
  digest.room_sessions = whole(room);
  return {.digest = digest,
          .spare_per_s = std::min(view.plan.rate, std::max(0.0, room)) - view.offered_per_s};
}

void say(std::string_view line) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

}  // namespace

void ClusterConfig::declare(server::Settings& settings) {
  using namespace std::chrono_literals;
  settings.add("cluster.listen", listen, "host:port for the other members; empty: no cluster");
  settings.add("cluster.advertise", advertise, "host:port where they reach it; empty: as cluster.listen");
  settings.add("cluster.peers", peers, "host:port of the other members; this one may be among them");
  settings.add("cluster.certificate", certificate, "PEM; its common name is this member's name");
  settings.add("cluster.private_key", private_key, "PEM, of that certificate");
  settings.add("cluster.authority", authority, "PEM; only members with a certificate of it are let in");
  settings.add("cluster.agent_listen", agent_listen,
               "host:port for HAProxy's agent-check: says how much weight to give; empty: none");
  settings.add("cluster.ticket_secret_file", ticket_secret_file,
               "Ticket keys are derived from it, the same on all members; empty: they agree on keys");
  settings.add("cluster.delegate", delegate, "Newcomers may go to a member that has more room");
  settings.add("cluster.fetch_timeout", fetch_timeout, 1ms, 1s,
               "How long a handshake waits for a session that another member has");
  settings.add("cluster.join_timeout", join_timeout, 0ms, 60s,
               "How long a start waits for the other members' ticket keys");
}

std::vector<server::Problem> ClusterConfig::check() const {
  std::vector<server::Problem> problems;
  if (!enabled()) {
    if (!peers.empty()) problems.push_back({"cluster.peers", "there are peers, but no cluster.listen"});
    return problems;
  }
  const auto require = [&](const char* key, const std::string& value) {
    if (value.empty())
      problems.push_back({key, "a member needs it (`gen-cert --cluster` makes the files of a cluster)"});
  };
  require("cluster.certificate", certificate);
  require("cluster.private_key", private_key);
  require("cluster.authority", authority);
  for (const std::string& peer : peers) {
    if (peer.rfind(':') == std::string::npos || peer.ends_with(':'))
      problems.push_back({"cluster.peers", "\"" + peer + "\" is not host:port"});
  }
  return problems;
}

server::Membership ClusterConfig::membership() const {
  server::Membership membership;
  if (!enabled()) return membership;
  membership.name = cluster::member_name(certificate);
  if (!ticket_secret_file.empty()) membership.ticket_secret = read_secret(ticket_secret_file);
  return membership;
}

void ClusterConfig::try_files() const {
  if (!enabled()) return;
  membership();
  cluster::make_peer_context(options_of(*this, 0).identity);
}

ClusterNode::ClusterNode(const ClusterConfig& config, server::Server& server)
    : config_(config),
      server_(server),
      cluster_(
          options_of(config, server.endpoints().front().port()), server.tls(),
          [&server] { return load_of(server); }, say) {}

void ClusterNode::join() {
  const std::size_t others = cluster_.join(config_.join_timeout);
  std::printf("member %s of a cluster on %s, with %zu other%s\n", cluster_.view().name.c_str(),
              cluster_.address().c_str(), others, others == 1 ? "" : "s");
}

}  // namespace sluice::node
