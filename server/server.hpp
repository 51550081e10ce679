#pragma once
#include <memory>
#include <string>
#include <vector>

#include "server/access_log.hpp"
#include "server/admission_control.hpp"
#include "server/inheritance.hpp"
#include "server/peers.hpp"
#include "server/place.hpp"
#include "server/processor.hpp"
#include "server/tls/engine.hpp"

/// The HTTPS server: listeners and processors around one application.
namespace sluice::server {

/// Made, started and stopped by one thread. `config` must have been checked, and must outlive the server,
/// like `app`.
class Server {
 public:
  /// Loads certificates, opens the log and listens, or goes on with what is `inherited`. Throws
  /// `std::runtime_error` with a sentence.
  Server(const Config& config, App& app, const Membership& membership, Inheritance& inherited);
  ~Server();  ///< Cuts what is still open.

  /// Starts the processors; once it returns every one accepts. Throws what the application threw. `peers`:
  /// null when it stands alone.
  void start(Peers* peers = nullptr);
  /// From now on it says that it drains; it still takes connections.
  void announce_drain() noexcept { draining_ = true; }
  /// Stops accepting; answers what was accepted.
  void drain();
  /// Cuts every connection.
  void abort();

  // Another process takes over.
  /// Good until accepting ends.
  const std::vector<Inheritable>& inheritable() const noexcept { return listeners_; }
  void stop_accepting();
  void accept_again();
  /// Connections go where the order says, until the next order.
  void move(const MoveOrder& order);
  /// What is relayed to other members ends when they have answered.
  void end_relays();
  /// One comes, with its socket.
  void adopt(ArrivalPtr arrival);
  /// One comes, and its bytes by themselves.
  Expected& expected() noexcept { return expected_; }
  /// Open ones, those that are relayed to other members included.
  std::uint64_t open_connections() const;
  std::uint64_t connections(ConnectionState state) const;

  /// Blocks until every processor has ended.
  void join();

  const Config& config() const noexcept { return config_; }
  const App& app() const noexcept { return app_; }
  /// Null when there are none.
  const Peers* peers() const noexcept { return peers_; }
  AccessLog& log() noexcept { return log_; }
  std::vector<Endpoint> endpoints() const;
  bool draining() const noexcept { return draining_.load(); }
  std::size_t processor_count() const noexcept { return processors_.size(); }
  const Counters& counters(std::size_t processor) const noexcept {
    return processors_[processor]->counters();
  }
  AdmissionControl& admission() noexcept { return admission_; }
  const AdmissionControl& admission() const noexcept { return admission_; }
  tls::Engine& tls() noexcept { return tls_; }
  const tls::Engine& tls() const noexcept { return tls_; }

 private:
  const Config& config_;
  App& app_;
  Peers* peers_ = nullptr;  // set by start()
  AccessLog log_;
  tls::Engine tls_;
  AdmissionControl admission_;
  PlaceBook places_;
  Expected expected_;
  std::unique_ptr<http::DirectoryFiles> files_;
  std::vector<Endpoint> endpoints_;
  std::vector<Inheritable> listeners_;
  std::vector<std::unique_ptr<Processor>> processors_;
  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> adopted_{0};
};

}  // namespace sluice::server
