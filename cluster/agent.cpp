#include "cluster/agent.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>

namespace sluice::cluster {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

std::string agent_line(const Digest& digest) {
  if (digest.state != MemberState::serving) return "drain\n";
  const auto percent = digest.cpus_milli == 0 ? 100 : 100ULL * digest.idle_milli / digest.cpus_milli;
  return "up ready " + std::to_string(std::clamp<unsigned long long>(percent, 1, 100)) + "%\n";
}

Agent::Agent(asio::io_context& io, const tcp::endpoint& listen, int inherited, std::function<Digest()> digest)
    : listen_(listen), acceptor_(io.get_executor()), digest_(std::move(digest)) {
  listen_on(acceptor_, listen, inherited, "for agent checks (cluster.agent_listen)");
}

void Agent::resume() {
  if (suspended_ < 0) return;
  listen_on(acceptor_, listen_, std::exchange(suspended_, -1), "for agent checks (cluster.agent_listen)");
  start();
}

void Agent::start() { asio::co_spawn(acceptor_.get_executor(), serve(), asio::detached); }

void Agent::stop() noexcept { stop_listening(acceptor_); }

/// A line always fits a fresh connection's buffer, so nobody is waited for.
Task<void> Agent::serve() {
  boost::system::error_code error;
  asio::basic_waitable_timer<Monotonic, asio::wait_traits<Monotonic>, Executor> pause(
      acceptor_.get_executor());
  while (acceptor_.is_open()) {
    auto socket = co_await acceptor_.async_accept(asio::redirect_error(use_task, error));
    if (error) {  // out of descriptors, say
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(asio::redirect_error(use_task, error));
      continue;
    }
    const std::string line = agent_line(digest_());
    ::send(socket.native_handle(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

}  // namespace sluice::cluster
