#pragma once
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/object.hpp>

#include "cluster/handover_table.hpp"
#include "cluster/parcel.hpp"
#include "server/departure.hpp"
#include "server/inheritance.hpp"
#include "server/server.hpp"

/// A binary upgrade: another process of the same command takes over from this one, without a connection
/// broken. It inherits the listeners, so that nobody who waits in their queues is lost, then every live
/// connection (transport `fd`), and sessions of who is not connected.
///
///     begin() ─► starting ─► it is up ─► handing over ─► done
///                    └─► failed: everything here is as before
namespace sluice::node {

class Upgrade final : public server::Carrier {
 public:
  struct Hooks {
    /// The process that this one took over from has ended, if there was one.
    std::function<bool()> settled;
    /// From false on another process may serve as well, until true. On a thread of this.
    std::function<void(bool)> alone;
    /// What the other process is to listen with.
    std::function<std::vector<server::Inheritable>()> inheritable;
    /// It accepts: this process is to stop doing so, and to move its connections. On a thread of this.
    std::function<void()> taken_over;
    /// It ended before it had everything: this process is to serve on. Likewise.
    std::function<void()> lost;
  };

  /// `command`: binary and arguments. `server` must outlive this.
  Upgrade(std::vector<std::string> command, server::Server& server, Hooks hooks);
  ~Upgrade();
  Upgrade(const Upgrade&) = delete;
  Upgrade& operator=(const Upgrade&) = delete;

  // Any thread.
  /// Starts the other process. Empty, or why not.
  std::string begin();
  /// state: none, starting, failed, handing over; reason; pid of the other process; kept: why the last
  /// connection that stayed did.
  boost::json::object status() const;
  /// Another process serves.
  bool taken_over() const noexcept { return taken_over_; }

  server::DeparturePtr depart(const server::Flow& flow) override;

  /// Why the last connection stayed.
  void kept(std::string_view why);

  /// The other process is not wanted after all, as this one is to end, too.
  void dismiss();

  /// Everything that is left is not for the other process. After the server ended.
  void finish();

 private:
  class Departure;
  enum class State { none, starting, failed, handing_over };

  void run();
  /// Empty, or why it is not up.
  std::string start();
  bool await_settled() const;
  std::string await_up();
  bool send_sessions();
  void give_sessions_back();
  void listen();
  bool say(const cluster::Parcel& parcel) const;
  bool give(cluster::HandoverId id) const;
  void fail(const std::string& why);
  void end_child();

  const std::vector<std::string> command_;
  server::Server& server_;
  const Hooks hooks_;
  cluster::Departures departures_;
  cluster::ParcelSocket socket_{-1};
  std::vector<std::pair<tls::SessionIdBytes, tls::StoredSession>> sessions_;  // taken out, not sent yet
  mutable std::mutex mutex_;
  State state_ = State::none;
  std::string reason_, kept_;
  std::int64_t pid_ = 0;
  std::atomic<bool> taken_over_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

/// Binary and arguments of this process, as it was started.
std::vector<std::string> own_command(int argc, char** argv);

}  // namespace sluice::node
