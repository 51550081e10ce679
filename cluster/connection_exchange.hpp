#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "cluster/handover_table.hpp"
#include "cluster/protocol.hpp"
#include "server/task.hpp"

/// Live connections that move between members: says what the hand-over is at (handover_table.hpp) to the
/// other member, and does what that says. What a connection is, and how it is stopped and made again, is the
/// server's business.
namespace sluice::cluster {

class ConnectionExchange {
 public:
  using Done = Departures::Done;
  /// False when that member can't be reached.
  using SendTo = std::function<bool(tls::MemberNumber, const Message&)>;

  /// One that comes.
  struct Incoming {
    Arrivals::Key key{};
    Transport transport = Transport::relay;
    tls::SecretBytes image{};
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

  ConnectionExchange(const Executor& executor, SendTo send);
  /// Before start; without them none is taken.
  void set_handlers(Handlers handlers) { handlers_ = std::move(handlers); }

  // One that goes, in this order; any thread.
  HandoverId begin() { return departures_.begin(); }
  void prepare(tls::MemberNumber to, Prepare message, Done done);
  void offer(tls::MemberNumber to, HandoverId id, tls::SecretBuffer image, Done done);
  void give(tls::MemberNumber to, HandoverId id);
  void keep(tls::MemberNumber to, HandoverId id, std::string_view why);

  // The cluster's thread.
  /// False when the message is about something else.
  bool on(const Hello& from, const Message& message);
  void tick(Monotonic::time_point now);
  void stop();

 private:
  void on_prepare(const Hello& from, const Prepare& message);
  void on_state(const Hello& from, const State& message);
  void on_cancel(const Hello& from, const Cancel& message);
  void refuse(tls::MemberNumber whom, HandoverId id, std::string_view why);
  void post(std::function<void()> work);

  const Executor executor_;
  const SendTo send_;
  Handlers handlers_;
  Departures departures_;
  // Connections that are being made hold on to it.
  const std::shared_ptr<Arrivals> arrivals_ = std::make_shared<Arrivals>();
};

}  // namespace sluice::cluster
