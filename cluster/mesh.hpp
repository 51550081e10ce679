#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "cluster/acceptor.hpp"
#include "cluster/backoff.hpp"
#include "cluster/channel.hpp"
#include "cluster/cluster.hpp"

/// The connections of one member: those it dialed, on which it asks, and those it accepted, on which it
/// answers.
namespace sluice::cluster {

/// Used on the cluster's thread only, except where noted.
class Mesh {
 public:
  static constexpr std::size_t kAcceptedMax = 1024;
  static constexpr std::chrono::milliseconds kGreetPatience{2000};  ///< For handshake and hello, each.
  static constexpr std::chrono::milliseconds kSilence{5000};        ///< Then a connection is given up.
  static constexpr std::chrono::milliseconds kRetryMin{100}, kRetryMax{2000};
  /// A second address of a member that is connected, as names with IPv4 and IPv6 give.
  static constexpr std::chrono::seconds kDoubled{30};

  /// What is done with what members say.
  struct Handlers {
    /// A member was dialed, and is there.
    std::function<void(const Hello& to, const boost::asio::ip::address& address)> reached;
    /// May it come in?
    std::function<Members::Heard(const Hello&)> hello;
    /// The answer, if there is one to be given. `false` ends the connection.
    std::function<bool(const Hello& from, const Message& message, Channel& channel)> message;
    /// A peer was reached, and has said all that a newcomer has to know; or it could not be reached.
    std::function<void(const std::string& address)> tried;
    std::function<void(Rejection)> rejected;
    Cluster::Say say;
  };

  /// Listens (any thread). Throws `std::runtime_error` with a sentence.
  Mesh(boost::asio::io_context& io, const Options& options, Hello self, Handlers handlers);

  void start();
  void stop();
  /// Where the others are, from now on: who is new is dialed, and who is not there is dialed no more. A
  /// connection that is open stays.
  void want(std::set<std::string> addresses);
  /// How many addresses are tried, or connected to.
  std::size_t dialed() const noexcept { return dialing_.size(); }
  /// On the connection that was dialed; while there is none, as just after it came back, on the one it
  /// dialed. False when there is neither.
  bool send(tls::MemberNumber member, const Message& message);
  void send_all(const Message& message);
  /// Says goodbye on every connection.
  void goodbye(const std::string& reason);
  const std::string& address() const noexcept { return self_.address; }
  int listener_fd() { return acceptor_.native_handle(); }
  void stop_accepting() noexcept { suspended_ = suspend_listening(acceptor_); }
  void accept_again();
  const Hello& self() const noexcept { return self_; }

 private:
  enum class Ended { again, myself, doubled };

  Task<void> accept();
  Task<void> serve(ChannelPtr channel);
  Task<void> dial(std::string address);
  Task<Ended> talk(std::string address);
  /// Null, after trouble(), when it can't be reached.
  Task<ChannelPtr> connect(std::string address);
  /// The other side's hello, if it may come in; otherwise it was told why not.
  Task<std::optional<Hello>> greet(ChannelPtr channel);
  /// Until the connection ends. `address`: that was dialed; empty: it was accepted.
  Task<void> converse(Hello from, ChannelPtr channel, std::string address);
  void reject(Rejection why, Channel& channel, const std::string& reason);
  void trouble(const std::string& address, const std::string& what);
  Task<void> pause(Channel::Duration time);

  boost::asio::io_context& io_;
  boost::asio::ssl::context context_;
  Hello self_;
  const Handlers handlers_;
  const boost::asio::ip::tcp protocol_;
  Acceptor acceptor_;
  std::map<tls::MemberNumber, ChannelPtr> dialed_;
  std::set<ChannelPtr> accepted_;
  std::map<tls::MemberNumber, ChannelPtr> accepted_from_;  // who said hello, the last one of each
  std::set<std::string> wanted_;
  std::set<std::string> dialing_;                // by a coroutine each
  std::set<std::string> own_;                    // of those wanted
  std::map<std::string, std::string> troubles_;  // why a peer was not reached, as it was said last
  bool stopping_ = false;
  int suspended_ = -1;  // the listener, while another process has it
};

}  // namespace sluice::cluster
