#include "server/server.hpp"

#include "base/clock.hpp"
#include "server/cpu_supply.hpp"

namespace sluice::server {

namespace {

tls::ContextOptions tls_options(const Config& config, const Membership& membership) {
  return {.certificates = config.certificate,
          .private_keys = config.private_key,
          .only_tls13 = config.tls_min_version == "1.3",
          .session_timeout = std::chrono::duration_cast<std::chrono::seconds>(config.session_timeout),
          .ticket_key_lifetime = std::chrono::duration_cast<std::chrono::seconds>(config.ticket_key_lifetime),
          .member = membership.name,
          .ticket_secret = membership.ticket_secret,
          .session_cache = config.session_cache};
}

}  // namespace

Server::Server(const Config& config, App& app, const Membership& membership, Inheritance& inherited)
    : config_(config),
      app_(app),
      log_(config.access_log),
      tls_(tls_options(config, membership)),
      admission_(config) {
  if (!config.static_root.empty()) files_ = std::make_unique<http::DirectoryFiles>(config.static_root);
  const unsigned count = config.processors == 0 ? usable_cpus() : static_cast<unsigned>(config.processors);
  std::vector<std::vector<Listener>> of_processor(count);
  for (const std::string& address : config.listen) {
    auto sockets = listen_on(parse_endpoint(address), count, static_cast<int>(config.backlog),
                             inherited.take("server.listen", address));
    endpoints_.push_back(sockets.front().endpoint());
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      listeners_.push_back({"server.listen", address, sockets[i].fd()});
      of_processor[i % count].push_back(std::move(sockets[i]));
    }
  }
  const Shared shared{.config = config_,
                      .tls = tls_,
                      .admission = admission_,
                      .places = places_,
                      .expected = expected_,
                      .app = app_,
                      .log = log_,
                      .files = files_.get(),
                      .processors = count};
  for (unsigned i = 0; i < count; ++i) {
    processors_.push_back(std::make_unique<Processor>(i, shared, std::move(of_processor[i])));
  }
}

Server::~Server() {
  abort();
  join();
}

void Server::start(Peers* peers) {
  peers_ = peers;
  std::vector<std::future<void>> started;
  started.reserve(processors_.size());
  for (auto& processor : processors_) started.push_back(processor->start(peers));
  for (auto& future : started) future.get();
  std::vector<const Counters*> counters;
  for (auto& processor : processors_) counters.push_back(&processor->counters());
  admission_.start(
      std::move(counters), [this] { return app_.backlog_s(); },
      [this, peers](const admission::Plan& plan) {
        for (auto& processor : processors_) processor->follow(plan);
        tls_.ticket_keys().renew(wall_now(), peers == nullptr || peers->leads());
      });
  for (auto& processor : processors_) processor->open();
}

void Server::drain() {
  draining_ = true;
  for (auto& processor : processors_) processor->drain();
}

void Server::abort() {
  draining_ = true;
  for (auto& processor : processors_) processor->abort();
}

void Server::join() {
  for (auto& processor : processors_) processor->join();
  admission_.stop();
}

void Server::stop_accepting() {
  for (auto& processor : processors_) processor->stop_accepting();
}

void Server::accept_again() {
  for (auto& processor : processors_) processor->open();
}

void Server::move(const MoveOrder& order) {
  MoveOrder share = order;
  share.idle = (order.idle + processors_.size() - 1) / processors_.size();
  share.busy = (order.busy + processors_.size() - 1) / processors_.size();
  for (auto& processor : processors_) processor->move(share);
}

void Server::end_relays() {
  for (auto& processor : processors_) processor->end_relays();
}

/// In turn, as they come in small numbers at a time.
void Server::adopt(ArrivalPtr arrival) {
  processors_[adopted_++ % processors_.size()]->adopt(std::move(arrival));
}

std::uint64_t Server::connections(ConnectionState state) const {
  std::uint64_t count = 0;
  for (const auto& processor : processors_)
    count += processor->counters().connections[static_cast<std::size_t>(state)].get();
  return count;
}

std::uint64_t Server::open_connections() const {
  std::uint64_t open = 0;
  for (std::size_t i = 0; i < kConnectionStateNames.size(); ++i)
    open += connections(static_cast<ConnectionState>(i));
  return open;
}

std::vector<Endpoint> Server::endpoints() const { return endpoints_; }

}  // namespace sluice::server
