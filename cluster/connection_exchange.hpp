#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <boost/asio/steady_timer.hpp>

#include "cluster/handover_table.hpp"
#include "cluster/protocol.hpp"
#include "server/task.hpp"

/// Live connections that move between members: says what the hand-over is at (handover_table.hpp) to the
/// other member, and does what that says. What a connection is, and how it is stopped and made again, is the
/// server's business.
namespace sluice::cluster {

class TcpTransport;

class ConnectionExchange {
 public:
  using Done = Departures::Done;
  /// For which frames are held of a connection whose source says nothing more.
  static constexpr std::chrono::seconds kHeldAtMost{10};
  static constexpr std::chrono::milliseconds kLook{50};
  /// False when that member can't be reached.
  using SendTo = std::function<bool(tls::MemberNumber, const Message&)>;

  /// One that comes.
  struct Incoming {
    Arrivals::Key key{};
    Transport transport = Transport::relay;
    tls::SecretBytes image{};
    int fd = -1;  ///< Of `repair`: its socket, silent yet; the receiver's.
  };
  /// Empty: the connection is made, and silent. Otherwise why it can't be. Called once, on any thread.
  using Made = std::function<void(std::string_view why_not)>;
  /// Called on the cluster's thread.
  struct Handlers {
    /// Empty: connections may come. Otherwise why not.
    std::function<std::string()> refuses;
    /// Makes it; what is returned is called once it is clear whose it is.
    std::function<Arrivals::Settle(Incoming, Made)> take;
  };

  /// `tcp`: null when there is no helper for `repair`.
  ConnectionExchange(const Executor& executor, SendTo send, TcpTransport* tcp);
  /// Before start; without them none is taken.
  void set_handlers(Handlers handlers) { handlers_ = std::move(handlers); }

  // One that goes, in this order; any thread. `done` is called once, on any thread.
  HandoverId begin(tls::MemberNumber to) { return departures_.begin(to); }
  void prepare(tls::MemberNumber to, Prepare message, Done done);
  void offer(tls::MemberNumber to, HandoverId id, Transport transport, tls::SecretBuffer image, int fd,
             Done done);
  /// False when it is nobody's any more.
  void give(tls::MemberNumber to, HandoverId id, Transport transport, Done done);
  /// The connection may go on when it is done; false: its socket is of no use any more.
  void keep(tls::MemberNumber to, HandoverId id, Transport transport, std::string_view why, Done done);

  /// Why a connection stayed last, for the operator; empty when none has.
  std::string trouble() const;

  // The cluster's thread.
  /// False when the message is about something else.
  bool on(const Hello& from, const Message& message);
  void tick(Monotonic::time_point now);
  void stop();

 private:
  void on_prepare(const Hello& from, const Prepare& message);
  void on_prepared(tls::MemberNumber from, const Prepared& message);
  void watch();
  void on_state(const Hello& from, const State& message);
  void on_cancel(const Hello& from, const Cancel& message);
  void take(const Arrivals::Key& key, const State& message, int fd, std::shared_ptr<Arrivals::Settle> settle);
  /// It is clear whose it is.
  void settle(const Arrivals::Key& key, bool ours, const Arrivals::Settle& tell);
  void refuse(const Arrivals::Key& key, std::string_view why);
  void post(std::function<void()> work);

  void note(std::string_view why);

  const Executor executor_;
  const SendTo send_;
  TcpTransport* const tcp_;
  boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor> timer_;
  bool watching_ = false;
  Handlers handlers_;
  mutable std::mutex mutex_;
  std::string trouble_;
  Departures departures_;
  std::map<HandoverId, std::string> places_;             // of targets of `repair`
  std::map<Arrivals::Key, Monotonic::time_point> held_;  // that come by `repair`, and for how long at most
  // Connections that are being made hold on to it.
  const std::shared_ptr<Arrivals> arrivals_ = std::make_shared<Arrivals>();
};

}  // namespace sluice::cluster
