#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "cluster/connection_exchange.hpp"
#include "cluster/discovery_dns.hpp"
#include "cluster/discovery_etcd.hpp"
#include "cluster/identity.hpp"
#include "cluster/members.hpp"
#include "cluster/mover.hpp"
#include "cluster/session_exchange.hpp"
#include "server/tls/engine.hpp"

/// One member's part in the cluster: it knows the others, shares ticket keys with them, and moves sessions.
///
/// Every member keeps a connection to each other one, by mutual TLS (a full mesh), and says four times a
/// second how it is. Nothing is agreed on and nothing is written down: losing a member, or the network
/// between them, costs full handshakes and never correctness.
namespace sluice::cluster {

struct Options {
  boost::asio::ip::tcp::endpoint listen{};  ///< For the other members; port 0 picks a free one.
  int listen_fd = -1;                       ///< Does so already, and is taken over.
  std::string advertise{};                  ///< Where they reach it, host:port; empty: as `listen`.
  std::uint16_t service_port = 0;           ///< Where this member serves clients.
  std::optional<boost::asio::ip::tcp::endpoint> agent_listen{};  ///< For balancers that ask, see Agent.
  int agent_fd = -1;                                             ///< As above.
  std::vector<std::string> peers{};   ///< host:port of others; itself may be among them.
  std::optional<DnsOptions> dns{};    ///< Finds them instead.
  std::optional<EtcdOptions> etcd{};  ///< Finds them instead.
  IdentityFiles identity{};
  std::chrono::milliseconds fetch_timeout{5};
  bool delegate = true;      ///< Newcomers, and sessions that nobody uses, may go to who has more room.
  bool rebalance = false;    ///< And so may live connections.
  std::string tcp_helper{};  ///< Path of the socket of the process that moves TCP connections; empty: none.
};

/// Why a connection to the peer port, or to a peer, was ended.
enum class Rejection : std::uint8_t {
  certificate,  ///< No TLS, or not with a certificate of the cluster.
  silent,       ///< Not a word in time.
  protocol,     ///< What it said was no message, too long, or changed on its way.
  version,      ///< Another major version.
  identity,     ///< The name is not the certificate's, is somebody else's, or of an earlier process.
  full,         ///< Too many connections, or members.
  count
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Rejection::count)> kRejectionNames{
    "certificate", "silent", "protocol", "version", "identity", "full"};

/// How things stand, as of the last heartbeat.
struct View {
  std::string name{};
  std::string address{};
  std::uint64_t incarnation = 0;
  bool leads = false;
  std::vector<Member> others{};
  std::array<std::uint64_t, static_cast<std::size_t>(Rejection::count)> rejections{};
  ExchangeCounts sessions{};
  std::uint64_t newcomers_sent = 0, newcomers_unreached = 0, newcomers_received = 0;
  double newcomers_share = 0;  ///< That go elsewhere although there is room.
  DiscoveryView discovery{};
  std::string kept{};      ///< Why a live connection stayed last.
  std::string helper{};    ///< Of `repair`: "ready", or why not; empty when there is none.
  std::size_t dialed = 0;  ///< Addresses that are tried, or connected to.
};

/// A member with room for a newcomer, and where it serves clients.
struct Place {
  tls::MemberNumber member = 0;
  boost::asio::ip::tcp::endpoint endpoint{};
};

/// How a server is: all of a digest that the cluster does not know itself.
struct Load {
  Digest digest{};
  /// Newcomers per second that it would admit beyond all that ask here; negative: it turns some away.
  double spare_per_s = 0;
  Movable movable{};                   ///< Of its connections.
  std::uint32_t room_connections = 0;  ///< More that could be open.
};

class Cluster {
 public:
  using Measure = std::function<Load()>;
  using Say = std::function<void(std::string_view)>;

  /// Listens. `measure` tells how the server is, `say` prints a line for the operator; both are called on the
  /// cluster's thread. `tls` must outlive it. Throws `std::runtime_error` with a sentence.
  Cluster(const Options& options, tls::Engine& tls, Measure measure, Say say);
  ~Cluster();  ///< Without a word to the others, unless leave() was called.
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// Starts the thread and waits until a first look at who is there was made, and every peer that can be
  /// reached has said which ticket keys there are, at most `patience`. To be called before the first ticket
  /// is sealed. Returns how many members it found.
  std::size_t join(std::chrono::milliseconds patience);
  /// Hands all sessions over, says goodbye and ends the thread. The server must have ended.
  void leave();
  /// Ends the thread without a word to the others, if it is still there.
  void halt() noexcept;
  /// Descriptors that listen for members and, unless it is -1, for balancers; for another process of this
  /// member to take over.
  std::pair<int, int> listener_fds();
  /// The other process has: nobody is accepted any more. Its greeting ends this one's part for all others.
  void stop_accepting();
  void accept_again();
  /// From now on others are told that it is leaving.
  void drain();

  /// "127.0.0.1:7946": with the port that was picked.
  const std::string& address() const noexcept;

  // Any thread.
  ConnectionExchange& connections() noexcept;
  Mover& mover() noexcept;
  /// Connections can go without anything staying behind: the helper is there.
  bool repairs() const noexcept;
  /// This member's.
  tls::MemberNumber number() const noexcept;
  std::uint64_t incarnation() const noexcept;
  /// Where a member serves clients.
  std::optional<boost::asio::ip::tcp::endpoint> service_of(tls::MemberNumber member) const;
  /// The member of that name, if it is there.
  std::optional<tls::MemberNumber> find(std::string_view name) const;
  bool leads() const noexcept;
  /// See SessionExchange::fetch(); `done` is called on the cluster's thread.
  void fetch(const tls::SessionIdBytes& id, tls::MemberNumber from, SessionExchange::Done done);
  bool may_place() const noexcept;
  /// See Placement::choose().
  std::optional<Place> place(bool no_room);
  void placed(tls::MemberNumber member, bool reached);
  void received() noexcept;
  View view() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::cluster
