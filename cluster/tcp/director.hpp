#pragma once
#include <array>
#include <functional>
#include <map>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "base/descriptor.hpp"
#include "cluster/tcp/flip_protocol.hpp"
#include "server/task.hpp"

/// Both ends of orders to redirect (flip_protocol.hpp), over UDP.
namespace sluice::cluster::tcp {

struct DirectorCounts {
  std::uint64_t carried_out = 0, refused = 0, rejected = 0;  ///< Rejected: without the secret, or too old.
};

/// Carries orders out. Used on its executor's thread only.
class Director {
 public:
  using CarryOut = std::function<FlipResult(const Flip&)>;
  /// Listens. Throws a sentence.
  Director(boost::asio::io_context& io, const Endpoint& listen, tls::SecretBytes secret, CarryOut carry_out);
  const DirectorCounts& counts() const noexcept { return counts_; }

 private:
  void wait();
  bool read_one();
  FlipResult result_of(const FlipOrder& order, const FlipBook::Look& look);

  const tls::SecretBytes secret_;
  const CarryOut carry_out_;
  boost::asio::posix::basic_stream_descriptor<Executor> socket_;
  FlipBook book_;
  DirectorCounts counts_;
};

/// Gives orders. Used on its executor's thread only.
class RemoteRedirector final : public Redirector {
 public:
  static constexpr std::chrono::milliseconds kPatience{100};  ///< For an answer, each time.
  static constexpr int kTries = 4;
  static constexpr std::size_t kWaitingMax = 4096;

  RemoteRedirector(boost::asio::io_context& io, tls::SecretBytes secret);
  void flip(const Endpoint& home, const Flip& flip, std::function<void(Failure)> done) override;

 private:
  struct Waiting {
    Endpoint home{};
    std::vector<std::uint8_t> datagram{};
    std::function<void(Failure)> done{};
    Monotonic::time_point next{};
    int tries = 0;
  };
  using Socket = boost::asio::posix::basic_stream_descriptor<Executor>;
  using Timer = boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor>;

  void wait(Socket& socket);
  void read(int socket);
  void send(Waiting& waiting);
  void watch();
  void finish(std::map<std::uint64_t, Waiting>::iterator at, Failure why);

  boost::asio::io_context& io_;
  const tls::SecretBytes secret_;
  std::unique_ptr<Socket> v4_, v6_;  ///< Either may be none.
  Timer timer_;
  std::map<std::uint64_t, Waiting> waiting_;  ///< By nonce.
};

/// 32 to 4096 bytes. Throws a sentence.
tls::SecretBytes read_secret(const std::string& file);

}  // namespace sluice::cluster::tcp
