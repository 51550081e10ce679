#pragma once
#include <string>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "server/task.hpp"

/// Listening for members and balancers.
namespace sluice::cluster {

using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor>;

/// Makes it listen on `endpoint`; or, where `inherited` is not -1, with that descriptor, which it takes over.
/// Throws `std::runtime_error` with "can't listen `what`: ...".
void listen_on(Acceptor& acceptor, const boost::asio::ip::tcp::endpoint& endpoint, int inherited,
               const std::string& what);

/// Nobody is accepted any more. Another process may have the same socket: then who waits in the kernel's
/// queue stays there, and close() alone would leave it in Asio's epoll.
void stop_listening(Acceptor& acceptor) noexcept;

/// The same, but its descriptor is kept; listen_on() with that goes on. -1 when it did not listen.
int suspend_listening(Acceptor& acceptor) noexcept;

}  // namespace sluice::cluster
