#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include <boost/system/result.hpp>

#include "loadgen/options.hpp"

/// Sockets of a client.
namespace sluice::loadgen {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  bool loopback_v4() const noexcept;
};

/// The first address of the target's name. Throws RunError when there is none.
Address resolve(const Target& target);

/// Local addresses. One has some 28,000 ports towards one server, and a port rests for a minute after its
/// use. Addresses that were asked for are taken in turn, and who took one keeps it while it has ports. Where
/// none were, and the target is in 127.0.0.0/8, one is used until its ports have run out, then the next, and
/// a further one when all have. One thread.
class Sources {
 public:
  /// `asked`: literal addresses of the target's family, by `option`; throws UsageError otherwise, which names
  /// it. `thread` keeps those of threads apart.
  Sources(const std::vector<std::string>& asked, const Address& target, unsigned thread,
          std::string_view option = "--source");

  /// The next one: a client has one for all its connections.
  std::size_t take() noexcept { return turn_++; }

 private:
  friend boost::system::result<int> open_connection(const Address& to, Sources& sources, std::size_t source);
  /// Another loopback address; false when there is none to take.
  bool grow();

  std::vector<Address> addresses_;  // empty: the system's choice
  std::size_t turn_ = 0;            // of those asked for
  std::size_t current_ = 0;         // of our own
  bool may_grow_ = false;
  unsigned thread_ = 0;
};

/// A non-blocking socket on its way to `to` (TCP_NODELAY), from the source that its client took; the caller
/// owns it. errc of socket(2), bind(2) or
/// connect(2): address_not_available means out of ports, too_many_files_open out of descriptors.
boost::system::result<int> open_connection(const Address& to, Sources& sources, std::size_t source);

}  // namespace sluice::loadgen
