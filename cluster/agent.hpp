#pragma once
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "cluster/acceptor.hpp"
#include "cluster/members.hpp"
#include "server/task.hpp"

/// What a balancer is told that asks: the agent check of HAProxy (configuration manual, "agent-check"). A
/// line, and the end.
namespace sluice::cluster {

/// "up ready 75%", the weight being the idle share of the CPUs, never below 1 % while it serves; "drain" when
/// it leaves: who is there may stay.
std::string agent_line(const Digest& digest);

/// Used on the cluster's thread only.
class Agent {
 public:
  /// Listens. Throws `std::runtime_error` with a sentence.
  Agent(boost::asio::io_context& io, const boost::asio::ip::tcp::endpoint& listen, int inherited,
        std::function<Digest()> digest);
  void start();
  void stop() noexcept;
  void suspend() noexcept { suspended_ = suspend_listening(acceptor_); }
  void resume();
  int listener_fd() { return acceptor_.native_handle(); }

 private:
  Task<void> serve();

  const boost::asio::ip::tcp::endpoint listen_;
  Acceptor acceptor_;
  int suspended_ = -1;
  const std::function<Digest()> digest_;
};

}  // namespace sluice::cluster
