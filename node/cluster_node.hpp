#pragma once
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cluster/cluster.hpp"
#include "node/connection_carrier.hpp"
#include "server/peers.hpp"
#include "server/server.hpp"
#include "server/settings.hpp"

/// A server's part in a cluster: joins server/ and cluster/, which do not know each other.
namespace sluice::node {

/// [cluster]
struct ClusterConfig {
  using Duration = server::Settings::Duration;

  std::string listen{};              ///< Empty: the server stands alone.
  std::string advertise{};           ///< Empty: as `listen`.
  std::vector<std::string> peers{};  ///< host:port each.
  std::string discovery{"static"};   ///< "static": `peers`; "dns", "etcd".
  std::string dns_name{};            ///< name:port, or _service._tcp.name.
  std::string dns_server{};          ///< Empty: as in /etc/resolv.conf.
  Duration dns_interval{5'000};
  std::vector<std::string> etcd{};  ///< http://host:port or https://host:port each.
  std::string etcd_prefix{"/sluice/members/"};
  std::string etcd_authority{};  ///< PEM: who signed etcd's certificate.
  std::string etcd_certificate{};
  std::string etcd_private_key{};
  std::string certificate{};  ///< PEM; its common name is the member's name.
  std::string private_key{};
  std::string authority{};           ///< PEM: whose certificates members have.
  std::string agent_listen{};        ///< Empty: nobody asks.
  std::string ticket_secret_file{};  ///< Empty: members agree on ticket keys.
  bool delegate = true;
  std::string rebalance{"auto"};  ///< "relay", "off"; "auto": only where nothing stays behind.
  std::string tcp_helper{};       ///< Path of sluice-tcp's socket; empty: there is none.
  Duration fetch_timeout{5};
  Duration join_timeout{3'000};

  bool enabled() const noexcept { return !listen.empty(); }
  void declare(server::Settings& settings);
  std::vector<server::Problem> check() const;
  /// Throws with a sentence when a file can't be read.
  server::Membership membership() const;
  /// Throws with a sentence when the files or the address are not good for a start.
  void try_files() const;

 private:
  void check_discovery(std::vector<server::Problem>& problems) const;
  void check_etcd(std::vector<server::Problem>& problems) const;
};

class ClusterNode final : public server::Peers {
 public:
  /// Listens. Throws with a sentence.
  ClusterNode(const ClusterConfig& config, server::Server& server, server::Inheritance& inherited);
  ~ClusterNode() override { cluster_.halt(); }  // its thread uses what goes now

  /// Before the server starts. Says what it found.
  void join();
  void drain() { cluster_.drain(); }
  std::vector<server::Inheritable> inheritable();
  /// Another process of this member is there.
  void stop_accepting() { cluster_.stop_accepting(); }
  /// Any more.
  void accept_again() { cluster_.accept_again(); }
  /// It can leave without a trace: its connections go to others, TCP and all.
  bool repairs() const noexcept { return cluster_.repairs(); }
  /// Its connections go to others.
  void evacuate() { cluster_.mover().evacuate(); }
  /// ... or go where somebody else says.
  void pause_moves(bool paused) { cluster_.mover().pause(paused); }
  /// Some other member serves.
  bool has_others() const;
  /// Some go to the member of that name. Empty, or why not.
  std::string send_connections(std::string_view to, std::size_t count);
  /// After the server ended.
  void leave() { cluster_.leave(); }

  bool leads() const noexcept override { return cluster_.leads(); }
  void fetch(const tls::SessionIdBytes& id, tls::MemberNumber from, std::function<void()> done) override {
    cluster_.fetch(id, from, std::move(done));
  }
  bool may_place() const noexcept override { return config_.delegate && cluster_.may_place(); }
  std::optional<server::Placed> place(bool no_room) override {
    const auto place = cluster_.place(no_room);
    return place ? std::optional(server::Placed{place->member, place->endpoint}) : std::nullopt;
  }
  void placed(const server::Placed& target, bool reached) override {
    cluster_.placed(target.member, reached);
  }
  void received() override { cluster_.received(); }
  std::string metrics() const override;
  void add_migrations(server::Page& page) const override;
  boost::json::object status() const override;

 private:
  const ClusterConfig& config_;
  server::Server& server_;
  cluster::Cluster cluster_;
  ConnectionCarrier carrier_;
};

}  // namespace sluice::node
