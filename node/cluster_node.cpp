#include "node/cluster_node.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <openssl/crypto.h>

#include "cluster/addresses.hpp"
#include "server/listener.hpp"

namespace sluice::node {

namespace {

/// As many bits as the keys that are made of it.
constexpr std::size_t kSecretMin = 32, kSecretMax = 4096;
constexpr std::size_t kPrefixMax = 255;

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

cluster::DnsOptions dns_options_of(const ClusterConfig& config) {
  return {.question = cluster::parse_dns_question(config.dns_name).value_or(cluster::DnsQuestion{}),
          .interval = config.dns_interval,
          .server = config.dns_server.empty()
                        ? ""
                        : server::endpoint_text(server::parse_endpoint(config.dns_server))};
}

cluster::EtcdOptions etcd_options_of(const ClusterConfig& config) {
  cluster::EtcdOptions options{.prefix = config.etcd_prefix,
                               .tls = {.certificate = config.etcd_certificate,
                                       .private_key = config.etcd_private_key,
                                       .authority = config.etcd_authority}};
  for (const std::string& url : config.etcd) {
    if (auto endpoint = cluster::etcd::parse_endpoint(url)) options.endpoints.push_back(*std::move(endpoint));
  }
  return options;
}

/// Of settings that were checked.
cluster::Options options_of(const ClusterConfig& config, std::uint16_t service_port,
                            server::Inheritance& inherited) {
  return {
      .listen = server::parse_endpoint(config.listen),
      .listen_fd = inherited.take_one("cluster.listen", config.listen),
      .advertise = config.advertise,
      .service_port = service_port,
      .agent_listen = config.agent_listen.empty()
                          ? std::nullopt
                          : std::optional(server::parse_endpoint(config.agent_listen)),
      .agent_fd = inherited.take_one("cluster.agent_listen", config.agent_listen),
      .peers = config.peers,
      .dns = config.discovery == "dns" ? std::optional(dns_options_of(config)) : std::nullopt,
      .etcd = config.discovery == "etcd" ? std::optional(etcd_options_of(config)) : std::nullopt,
      .identity = {.certificate = config.certificate,
                   .private_key = config.private_key,
                   .authority = config.authority},
      .fetch_timeout = config.fetch_timeout,
      .delegate = config.delegate,
      .rebalance = config.rebalance == "relay" || (config.rebalance == "auto" && !config.tcp_helper.empty()),
      .tcp_helper = config.tcp_helper};
}

std::uint32_t whole(double value) { return static_cast<std::uint32_t>(std::clamp(value, 0.0, 4e9)); }

/// A connection is idle or busy for moments; what it uses is the same.
cluster::Movable movable_of(std::uint64_t idle, std::uint64_t busy, double cpus) {
  const double each = cpus / static_cast<double>(std::max<std::uint64_t>(1, idle + busy));
  const auto some = [each](std::uint64_t count) {
    return cluster::Movable::Some{.count = static_cast<std::uint32_t>(count),
                                  .cpus = each * static_cast<double>(count)};
  };
  return {.idle = some(idle), .busy = some(busy)};
}

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
  const auto idle = server.connections(server::ConnectionState::idle);
  const auto busy = server.connections(server::ConnectionState::active);
  digest.connections =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(server.open_connections(), UINT32_MAX));
  const std::uint64_t most = server.config().limits.connections;
  cluster::Load load{.digest = digest,
                     .spare_per_s = std::min(view.plan.rate, std::max(0.0, room)) - view.offered_per_s};
  load.room_connections =
      whole(static_cast<double>(most - std::min<std::uint64_t>(most, digest.connections)));
  load.movable = movable_of(idle, busy, sample.elapsed_s > 0 ? sample.cpu_requests / sample.elapsed_s : 0);
  return load;
}

void say(std::string_view line) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

}  // namespace

void ClusterConfig::declare(server::Settings& settings) {
  using namespace std::chrono_literals;
  settings.add("cluster.listen", listen, "host:port for the other members; empty: no cluster");
  settings.add("cluster.advertise", advertise, "host:port where they reach it; empty: as cluster.listen");
  settings.add_choice("cluster.discovery", discovery, {"static", "dns", "etcd"},
                      "How the other members are found: static: cluster.peers; dns, etcd: what follows");
  settings.add("cluster.peers", peers, "host:port of the other members; this one may be among them");
  settings.add("cluster.dns_name", dns_name,
               "name:port (A and AAAA records), or _service._tcp.name (SRV records, with ports)");
  settings.add("cluster.dns_interval", dns_interval, 100ms, 1h, "How often the name is looked up");
  settings.add("cluster.dns_server", dns_server, "address:port to ask; empty: as in /etc/resolv.conf");
  settings.add("cluster.etcd", etcd, "http://host:port or https://host:port of etcd 3.4 or later");
  settings.add("cluster.etcd_prefix", etcd_prefix, "Members' keys there begin so, their names follow");
  settings.add("cluster.etcd_authority", etcd_authority, "PEM; etcd's certificate has to be of it (https)");
  settings.add("cluster.etcd_certificate", etcd_certificate, "PEM; shown to etcd; empty: none");
  settings.add("cluster.etcd_private_key", etcd_private_key, "PEM, of that certificate");
  settings.add("cluster.certificate", certificate, "PEM; its common name is this member's name");
  settings.add("cluster.private_key", private_key, "PEM, of that certificate");
  settings.add("cluster.authority", authority, "PEM; only members with a certificate of it are let in");
  settings.add("cluster.agent_listen", agent_listen,
               "host:port for HAProxy's agent-check: says how much weight to give; empty: none");
  settings.add("cluster.ticket_secret_file", ticket_secret_file,
               "Ticket keys are derived from it, the same on all members; empty: they agree on keys");
  settings.add_choice(
      "cluster.rebalance", rebalance, {"auto", "relay", "off"},
      "Live connections go to members with more room: auto: where nothing stays behind; relay: "
      "also where this member has to pass their bytes on");
  settings.add(
      "cluster.tcp_helper", tcp_helper,
      "Socket of sluice-tcp, the process with the privileges to move TCP connections; empty: there is none");
  settings.add("cluster.delegate", delegate,
               "Newcomers, and sessions that nobody uses, may go to a member that has more room");
  settings.add("cluster.fetch_timeout", fetch_timeout, 1ms, 1s,
               "How long a handshake waits for a session that another member has");
  settings.add("cluster.join_timeout", join_timeout, 0ms, 60s,
               "How long a start waits for the other members' ticket keys");
}

std::vector<server::Problem> ClusterConfig::check() const {
  std::vector<server::Problem> problems;
  if (!enabled()) {
    if (!peers.empty()) problems.push_back({"cluster.peers", "there are peers, but no cluster.listen"});
    if (discovery != "static")
      problems.push_back({"cluster.discovery", "members are to be found, but there is no cluster.listen"});
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
    if (!cluster::split_address(peer))
      problems.push_back({"cluster.peers", "\"" + peer + "\" is not host:port"});
  }
  check_discovery(problems);
  if (discovery == "etcd") check_etcd(problems);
  return problems;
}

void ClusterConfig::check_discovery(std::vector<server::Problem>& problems) const {
  const auto of_kind = [&](const char* key, const char* kind, bool set, bool needed) {
    if (set && discovery != kind) {
      problems.push_back({key, "it is of use with cluster.discovery = " + std::string(kind) +
                                   ", but that is \"" + discovery + "\""});
    } else if (!set && needed && discovery == kind) {
      problems.push_back({key, "cluster.discovery = " + std::string(kind) + " needs it"});
    }
  };
  of_kind("cluster.peers", "static", !peers.empty(), false);
  of_kind("cluster.dns_name", "dns", !dns_name.empty(), true);
  of_kind("cluster.dns_server", "dns", !dns_server.empty(), false);
  of_kind("cluster.etcd", "etcd", !etcd.empty(), true);
  of_kind("cluster.etcd_authority", "etcd", !etcd_authority.empty(), false);
  of_kind("cluster.etcd_certificate", "etcd", !etcd_certificate.empty(), false);
  of_kind("cluster.etcd_private_key", "etcd", !etcd_private_key.empty(), false);
  if (!dns_name.empty() && !cluster::parse_dns_question(dns_name))
    problems.push_back({"cluster.dns_name", "\"" + dns_name + "\" is not name:port or _service._tcp.name"});
  if (!dns_server.empty()) server::parse_endpoint(dns_server);
  if (peers.size() > cluster::Members::kMembersMax)
    problems.push_back({"cluster.peers", "there are more than a cluster can have"});
}

void ClusterConfig::check_etcd(std::vector<server::Problem>& problems) const {
  bool tls = false;
  for (const std::string& url : etcd) {
    const auto endpoint = cluster::etcd::parse_endpoint(url);
    if (!endpoint) problems.push_back({"cluster.etcd", endpoint.error().what});
    tls = tls || (endpoint && endpoint->tls);
  }
  if (tls && etcd_authority.empty())
    problems.push_back({"cluster.etcd_authority", "an endpoint with https needs it"});
  if (etcd_certificate.empty() != etcd_private_key.empty())
    problems.push_back({"cluster.etcd_certificate", "certificate and private key go together"});
  if (etcd_prefix.empty() || etcd_prefix.size() > kPrefixMax)
    problems.push_back({"cluster.etcd_prefix", "it has 1 to 255 bytes"});
  if (!advertise.empty() && !cluster::split_address(advertise))
    problems.push_back({"cluster.advertise", "\"" + advertise + "\" is not host:port"});
  if (advertise.empty() && server::parse_endpoint(listen).address().is_unspecified())
    problems.push_back({"cluster.advertise", "etcd has to be told where this member is reached"});
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
  server::Inheritance nothing;
  const cluster::Options options = options_of(*this, 0, nothing);
  cluster::make_peer_context(options.identity);
  if (options.etcd && !etcd_authority.empty()) cluster::make_client_context(options.etcd->tls);
}

ClusterNode::ClusterNode(const ClusterConfig& config, server::Server& server, server::Inheritance& inherited)
    : config_(config),
      server_(server),
      cluster_(
          options_of(config, server.endpoints().front().port(), inherited), server.tls(),
          [&server] { return load_of(server); }, say),
      carrier_(cluster_, server, config.rebalance == "relay") {}

bool ClusterNode::has_others() const {
  const auto view = cluster_.view();
  return std::ranges::any_of(view.others, [](const cluster::Member& member) { return member.serving(); });
}

std::string ClusterNode::send_connections(std::string_view to, std::size_t count) {
  const auto member = cluster_.find(to);
  if (!member) return "there is no member \"" + std::string(to) + "\" that is alive";
  cluster_.mover().send(*member, count, Monotonic::now());
  return {};
}

std::vector<server::Inheritable> ClusterNode::inheritable() {
  const auto [members, balancers] = cluster_.listener_fds();
  std::vector<server::Inheritable> all{{"cluster.listen", config_.listen, members}};
  if (balancers >= 0) all.push_back({"cluster.agent_listen", config_.agent_listen, balancers});
  return all;
}

void ClusterNode::join() {
  const std::size_t others = cluster_.join(config_.join_timeout);
  std::printf("member %s of a cluster on %s, with %zu other%s\n", cluster_.view().name.c_str(),
              cluster_.address().c_str(), others, others == 1 ? "" : "s");
}

}  // namespace sluice::node
