#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/json/object.hpp>

#include "server/outcome.hpp"
#include "server/task.hpp"
#include "server/tls/secret.hpp"
#include "server/tls/session_id.hpp"

/// The other members of the cluster, as the server sees them: it knows nothing of how they are reached.
namespace sluice::server {

class Page;

/// Who this server is among them.
struct Membership {
  std::string name{};                ///< Empty: it stands alone.
  tls::SecretBytes ticket_secret{};  ///< Ticket keys are derived from it; empty: they are agreed on.
};

/// A member with room for a newcomer.
struct Placed {
  tls::MemberNumber member = 0;
  boost::asio::ip::tcp::endpoint endpoint{};  ///< Where it serves clients.
};

/// Called on any thread. Must outlive the server's run.
class Peers {
 public:
  virtual ~Peers() = default;

  /// It is this member's turn to make the ticket keys of all.
  virtual bool leads() const noexcept = 0;

  /// Moves the session into this member's Engine::sessions(), if member `from`, or whom that names, has it.
  /// Calls `done` once, on any thread, found or not, within milliseconds.
  virtual void fetch(const tls::SessionIdBytes& id, tls::MemberNumber from, std::function<void()> done) = 0;

  /// Some member may take a newcomer now. Cheap.
  virtual bool may_place() const noexcept = 0;
  /// Where a newcomer should go; `nullopt`: he stays. `no_room`: otherwise he would have to wait or go.
  virtual std::optional<Placed> place(bool no_room) = 0;
  /// What became of it.
  virtual void placed(const Placed& target, bool reached) = 0;
  /// A newcomer of another member has come.
  virtual void received() = 0;

  /// Appended to `/metrics`, in Prometheus' exposition format.
  virtual std::string metrics() const = 0;
  /// To the family `migrations_total`, what moves without a connection.
  virtual void add_migrations(Page& page) const = 0;
  /// `cluster` in `/status`.
  virtual boost::json::object status() const = 0;
};

/// Peers::fetch() for a coroutine on `executor`.
inline Task<void> fetch(Peers& peers, const Executor& executor, tls::SessionIdBytes id,
                        tls::MemberNumber from) {
  auto begin = [&peers, &id, from](Report report) {
    peers.fetch(id, from, [report = std::move(report)] { report(true); });
  };
  co_await outcome(executor, begin);
}

}  // namespace sluice::server
