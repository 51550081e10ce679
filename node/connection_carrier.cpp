#include "node/connection_carrier.hpp"

#include <utility>

namespace sluice::node {

using cluster::ConnectionExchange;
using cluster::Mover;

/// One connection's way to another member.
class ConnectionCarrier::Departure final : public server::Departure {
 public:
  Departure(cluster::Cluster& cluster, const server::Flow& flow, const Mover::Ticket& ticket,
            const server::Endpoint& endpoint)
      : cluster_(cluster),
        flow_(flow),
        ticket_(ticket),
        endpoint_(endpoint),
        id_(cluster.connections().begin()) {}

  server::Transport transport() const noexcept override { return server::Transport::relay; }
  std::optional<Leg> leg() const override {
    return Leg{.to = endpoint_,
               .key = {.member = cluster_.number(), .incarnation = cluster_.incarnation(), .id = id_}};
  }
  void prepare(Done done) override {
    cluster_.connections().prepare(ticket_.to,
                                   {.handover = id_,
                                    .transport = cluster::Transport::relay,
                                    .client = flow_.client,
                                    .local = flow_.local},
                                   std::move(done));
  }
  void offer(tls::SecretBuffer image, int, Done done) override {
    cluster_.connections().offer(ticket_.to, id_, std::move(image), std::move(done));
  }
  void give() override {
    cluster_.connections().give(ticket_.to, id_);
    cluster_.mover().ended(ticket_, true);
  }
  void keep(std::string_view why) override {
    cluster_.connections().keep(ticket_.to, id_, why);
    cluster_.mover().ended(ticket_, false);
  }

 private:
  cluster::Cluster& cluster_;
  const server::Flow flow_;
  const Mover::Ticket ticket_;
  const server::Endpoint endpoint_;
  const cluster::HandoverId id_;
};

ConnectionCarrier::ConnectionCarrier(cluster::Cluster& cluster, server::Server& server)
    : cluster_(cluster), server_(server) {
  cluster.connections().set_handlers(
      {.refuses = [this] { return refuses(); },
       .take = [this](ConnectionExchange::Incoming incoming,
                      ConnectionExchange::Made made) { return take(std::move(incoming), std::move(made)); }});
  cluster.mover().set_order([this](const Mover::Wanted& wanted) {
    server_.move({.carrier = this,
                  .idle = wanted.idle,
                  .busy = wanted.busy,
                  .residence = cluster::Rebalance::kResidence});
  });
}

server::DeparturePtr ConnectionCarrier::depart(const server::Flow& flow) {
  const auto ticket = cluster_.mover().next();
  if (!ticket) return nullptr;
  const auto endpoint = cluster_.service_of(ticket->to);
  if (!endpoint) {
    cluster_.mover().ended(*ticket, false);
    return nullptr;
  }
  return std::make_shared<Departure>(cluster_, flow, *ticket, *endpoint);
}

std::string ConnectionCarrier::refuses() const {
  if (server_.draining()) return "this member leaves";
  if (server_.config().tls_record_layer != "own") return "OpenSSL's record layer is configured here";
  return {};
}

cluster::Arrivals::Settle ConnectionCarrier::take(ConnectionExchange::Incoming incoming,
                                                  ConnectionExchange::Made made) {
  auto image = server::decode_connection_image(incoming.image.view());
  if (!image) {
    made("it can't be read");
    return {};
  }
  const server::HandoverKey key{
      .member = incoming.key.source, .incarnation = incoming.key.incarnation, .id = incoming.key.id};
  auto arrival =
      std::make_shared<server::Arrival>(*std::move(image), -1, server::Transport::relay, std::move(made));
  if (!server_.expected().put(key, arrival)) {
    arrival->made("too many are on their way");
    return {};
  }
  return [this, key, arrival = std::move(arrival)](bool ours) {
    arrival->settle(ours);
    server_.expected().drop(key);
  };
}

}  // namespace sluice::node
