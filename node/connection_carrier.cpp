#include "node/connection_carrier.hpp"

#include <unistd.h>

#include <utility>

namespace sluice::node {

using cluster::ConnectionExchange;
using cluster::Mover;

namespace {

constexpr std::chrono::seconds kAvoidFor{5};

server::Transport server_transport(cluster::Transport transport) {
  return transport == cluster::Transport::repair ? server::Transport::repair : server::Transport::relay;
}

}  // namespace

/// One connection's way to another member.
class ConnectionCarrier::Departure final : public server::Departure {
 public:
  Departure(ConnectionCarrier& carrier, const server::Flow& flow, const Mover::Ticket& ticket,
            cluster::Transport transport, const server::Endpoint& endpoint)
      : carrier_(carrier),
        exchange_(carrier.cluster_.connections()),
        flow_(flow),
        ticket_(ticket),
        transport_(transport),
        endpoint_(endpoint),
        id_(exchange_.begin(ticket.to)) {}

  server::Transport transport() const noexcept override { return server_transport(transport_); }
  std::optional<Leg> leg() const override {
    const auto& cluster = carrier_.cluster_;
    return Leg{.to = endpoint_,
               .key = {.member = cluster.number(), .incarnation = cluster.incarnation(), .id = id_}};
  }
  void prepare(Done done) override {
    exchange_.prepare(
        ticket_.to, {.handover = id_, .transport = transport_, .client = flow_.client, .local = flow_.local},
        std::move(done));
  }
  void offer(tls::SecretBuffer image, int fd, Done done) override {
    offered_ = true;
    exchange_.offer(ticket_.to, id_, transport_, std::move(image), fd, std::move(done));
  }
  void give(Done done) override {
    exchange_.give(ticket_.to, id_, transport_, std::move(done));
    carrier_.cluster_.mover().ended(ticket_, true);
  }
  void keep(std::string_view why, Done done) override {
    exchange_.keep(ticket_.to, id_, transport_, why, std::move(done));
    // Behind that it was the connection, or its client.
    if (!offered_ && transport_ == cluster::Transport::repair) carrier_.failed(ticket_.to);
    carrier_.cluster_.mover().ended(ticket_, false, !offered_);
  }

 private:
  ConnectionCarrier& carrier_;
  ConnectionExchange& exchange_;
  const server::Flow flow_;
  const Mover::Ticket ticket_;
  const cluster::Transport transport_;
  const server::Endpoint endpoint_;
  const cluster::HandoverId id_;
  bool offered_ = false;
};

ConnectionCarrier::ConnectionCarrier(cluster::Cluster& cluster, server::Server& server, bool relays)
    : cluster_(cluster), server_(server), relays_(relays) {
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
  const auto transport = transport_to(*ticket);
  if (!endpoint || !transport) {
    cluster_.mover().ended(*ticket, false);
    return nullptr;
  }
  return std::make_shared<Departure>(*this, flow, *ticket, *transport, *endpoint);
}

/// The best that works: `repair`, else `relay`, else the client resumes with his next connection.
std::optional<cluster::Transport> ConnectionCarrier::transport_to(const Mover::Ticket& ticket) {
  {
    const std::lock_guard lock(mutex_);
    const auto avoided = avoided_.find(ticket.to);
    if (avoided != avoided_.end() && avoided->second <= Monotonic::now()) avoided_.erase(avoided);
    if (cluster_.repairs() && !avoided_.contains(ticket.to)) return cluster::Transport::repair;
  }
  if (relays_ || ticket.ordered) return cluster::Transport::relay;
  return std::nullopt;
}

void ConnectionCarrier::failed(tls::MemberNumber member) {
  const std::lock_guard lock(mutex_);
  avoided_[member] = Monotonic::now() + kAvoidFor;
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
    if (incoming.fd >= 0) ::close(incoming.fd);
    made("it can't be read");
    return {};
  }
  if (incoming.transport == cluster::Transport::repair) {
    auto arrival = std::make_shared<server::Arrival>(*std::move(image), incoming.fd,
                                                     server::Transport::repair, std::move(made));
    server_.adopt(arrival);
    return [arrival = std::move(arrival)](bool ours) { arrival->settle(ours); };
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
