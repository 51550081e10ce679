#pragma once
#include "cluster/cluster.hpp"
#include "server/departure.hpp"
#include "server/server.hpp"

/// Live connections between a server and the cluster it is in: joins server/departure.hpp and
/// server/arrival.hpp to cluster/connection_exchange.hpp, which do not know each other.
namespace sluice::node {

class ConnectionCarrier final : public server::Carrier {
 public:
  /// Both must outlive it. Before either starts.
  ConnectionCarrier(cluster::Cluster& cluster, server::Server& server);

  server::DeparturePtr depart(const server::Flow& flow) override;

 private:
  class Departure;
  cluster::Arrivals::Settle take(cluster::ConnectionExchange::Incoming incoming,
                                 cluster::ConnectionExchange::Made made);
  std::string refuses() const;

  cluster::Cluster& cluster_;
  server::Server& server_;
};

}  // namespace sluice::node
