#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "cluster/handover_table.hpp"
#include "cluster/parcel.hpp"
#include "server/inheritance.hpp"
#include "server/server.hpp"
#include "server/tls/ticket_keys.hpp"

/// The new process of a binary upgrade: takes listeners, ticket keys, sessions and live connections over from
/// the one that started it (node/upgrade.hpp), over a pair of sockets whose number stands in the environment.
namespace sluice::node {

inline constexpr const char* kTakeoverVariable = "SLUICE_TAKEOVER_FD";

class Takeover {
 public:
  /// Null when nobody started this process to take over. Throws with a sentence.
  static std::unique_ptr<Takeover> of_environment();
  ~Takeover();
  Takeover(const Takeover&) = delete;
  Takeover& operator=(const Takeover&) = delete;

  server::Inheritance& inheritance() noexcept { return inheritance_; }
  /// Once.
  std::vector<tls::TicketKey> take_keys() noexcept { return std::move(keys_); }

  /// Tells that this process accepts connections; from now on those of the other come. `over` is called once,
  /// on a thread of this, when the other serves nobody any more. `server` must live until end().
  void up(server::Server& server, std::function<void()> over);
  /// No more are taken. Before the server ends.
  void end();
  /// The other serves nobody any more. Any thread.
  bool over() const noexcept { return over_; }
  /// Tells why it never will.
  void failed(std::string_view why) noexcept;

 private:
  explicit Takeover(cluster::ParcelSocket socket) noexcept : socket_(std::move(socket)) {}
  void receive_inheritance();
  void add_listener(cluster::Parcel& parcel);
  void add_keys(const cluster::Parcel& parcel);
  void run();
  void on(cluster::Parcel& parcel);
  void on_state(cluster::Parcel& parcel);
  void say(cluster::Parcel::Type type, std::uint64_t id, std::string_view text = {}) const;

  cluster::ParcelSocket socket_;
  server::Inheritance inheritance_;
  std::vector<tls::TicketKey> keys_;
  server::Server* server_ = nullptr;
  // Connections that are being made hold on to it.
  const std::shared_ptr<cluster::Arrivals> arrivals_ = std::make_shared<cluster::Arrivals>();
  std::atomic<bool> stopping_{false};
  std::function<void()> on_over_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace sluice::node
