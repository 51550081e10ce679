#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/descriptor.hpp"
#include "cluster/handover_table.hpp"
#include "cluster/tcp/helper.hpp"

/// Transport `repair` of hand-overs: what the helper process (cluster/tcp/helper.hpp) has to do at each step,
/// and the sockets meanwhile. Used on the cluster's thread only.
namespace sluice::cluster {

class TcpTransport {
 public:
  /// Empty when it was done, otherwise why not.
  using Done = std::function<void(const std::string& why_not)>;

  /// `path`: of the helper's socket.
  TcpTransport(boost::asio::io_context& io, const std::string& path)
      : io_(io), helper_(io, {.socket = path}) {}
  void start() { helper_.start(); }
  void stop() { helper_.stop(); }
  bool ready() const noexcept { return helper_.ready(); }
  const std::string& trouble() const noexcept { return helper_.trouble(); }
  /// Where this member takes frames, as other members' transports understand it.
  std::string place() const;

  // One that goes. The socket stays the caller's, and open until the last done.
  using OnDump = std::function<void(const std::string& why_not, std::vector<std::uint8_t> state)>;
  void dump(HandoverId id, int fd, std::string_view place, OnDump done);
  /// The socket is dead, and is to be closed. With an answer nothing may be committed.
  void forget(HandoverId id, Done done);
  /// The socket is as it was. Also of one that was never dumped. A helper that went is waited for, for
  /// `kComesBack`; false: the socket is frozen for good.
  static constexpr std::chrono::seconds kComesBack{8};
  void roll_back(HandoverId id, std::function<void(bool usable)> done);

  // One that comes.
  void hold(const Arrivals::Key& key, const boost::asio::ip::tcp::endpoint& client,
            const boost::asio::ip::tcp::endpoint& local, std::string_view place, Done done);
  using OnSocket = std::function<void(const std::string& why_not, int fd)>;  ///< The receiver's.
  void restore(const Arrivals::Key& key, Bytes state, OnSocket done);
  /// The socket speaks.
  void live(const Arrivals::Key& key, Done done);
  /// It is nobody's. Also of one that was never held.
  void cancel(const Arrivals::Key& key);

 private:
  void try_roll_back(Monotonic::time_point until, tcp::Helper::Id id, int fd, std::function<void(bool)> done);

  struct Leaving {
    tcp::Helper::Id id = 0;
    int fd = -1;
  };
  struct Coming {
    tcp::Helper::Id id = 0;
    Descriptor socket{};  ///< A duplicate, so that the number stays what it is.
  };

  boost::asio::io_context& io_;
  tcp::Helper helper_;
  std::map<HandoverId, Leaving> leaving_;
  std::map<Arrivals::Key, Coming> coming_;
};

}  // namespace sluice::cluster
