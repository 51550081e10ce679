#pragma once
#include <functional>
#include <string>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

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
  Agent(boost::asio::io_context& io, const boost::asio::ip::tcp::endpoint& listen,
        std::function<Digest()> digest);
  void start();
  void stop() noexcept;

 private:
  Task<void> serve();

  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor> acceptor_;
  const std::function<Digest()> digest_;
};

}  // namespace sluice::cluster
