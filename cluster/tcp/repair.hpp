#pragma once
#include <chrono>
#include <string>

#include <boost/system/result.hpp>

#include "base/descriptor.hpp"
#include "cluster/tcp/state.hpp"

/// Sockets in the kernel's repair mode (TCP_REPAIR): taken apart and made anew, without a packet. Needs
/// CAP_NET_ADMIN. Follows what CRIU's libsoccr and passt do; docs/cluster.md says where we differ.
namespace sluice::cluster::tcp {

/// Why not, as a sentence.
using Sentence = std::string;
template <class T>
using Or = boost::system::result<T, Sentence>;
using Failure = std::optional<Sentence>;

/// Why a socket can't move, as it is: not TCP, not established, too much in its queues.
Failure obstacle(int fd) noexcept;
/// Whether the kernel has sent all that it was given. What it has not would be lost.
bool all_sent(int fd) noexcept;

/// Freezes the socket: it sends nothing more. What comes in must be kept from it before.
Failure freeze(int fd);
/// Of a frozen socket. `home` and `moves` are left alone.
Or<TcpState> read_state(int fd);
/// It goes on where it was, with a window probe.
Failure thaw(int fd) noexcept;
/// Closes the connection of a frozen socket without a packet, whoever else has it open.
void vanish(int fd) noexcept;

/// A frozen socket in that state. `age`: at most so long ago it was read.
Or<Descriptor> make_socket(const TcpState& state, std::chrono::milliseconds age);
/// thaw(), and what a restored socket lacks to be like any other.
Failure revive(int fd) noexcept;

}  // namespace sluice::cluster::tcp
