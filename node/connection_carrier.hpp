#pragma once
#include <map>
#include <mutex>
#include <optional>

#include "cluster/cluster.hpp"
#include "server/departure.hpp"
#include "server/server.hpp"

/// Live connections between a server and the cluster it is in: joins server/departure.hpp and
/// server/arrival.hpp to cluster/connection_exchange.hpp, which do not know each other.
namespace sluice::node {

class ConnectionCarrier final : public server::Carrier {
 public:
  /// Both must outlive it. Before either starts. `relays`: also of its own accord, where nothing better
  /// works.
  ConnectionCarrier(cluster::Cluster& cluster, server::Server& server, bool relays);

  server::DeparturePtr depart(const server::Flow& flow) override;

 private:
  class Departure;
  cluster::Arrivals::Settle take(cluster::ConnectionExchange::Incoming incoming,
                                 cluster::ConnectionExchange::Made made);
  std::string refuses() const;
  std::optional<cluster::Transport> transport_to(const cluster::Mover::Ticket& ticket);
  /// By `repair`: not again for a while.
  void failed(tls::MemberNumber member);

  cluster::Cluster& cluster_;
  server::Server& server_;
  const bool relays_;
  std::mutex mutex_;
  std::map<tls::MemberNumber, Monotonic::time_point> avoided_;  // until when, by `repair`
};

}  // namespace sluice::node
