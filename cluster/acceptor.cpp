#include "cluster/acceptor.hpp"

#include <unistd.h>

#include <stdexcept>

namespace sluice::cluster {

using boost::asio::ip::tcp;

void listen_on(Acceptor& acceptor, const tcp::endpoint& endpoint, int inherited, const std::string& what) {
  try {
    if (inherited >= 0) return acceptor.assign(endpoint.protocol(), inherited);
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("can't listen " + what + ": " + error.code().message());
  }
}

int suspend_listening(Acceptor& acceptor) noexcept {
  if (!acceptor.is_open()) return -1;
  boost::system::error_code error;
  const int fd = acceptor.release(error);
  return error ? -1 : fd;
}

void stop_listening(Acceptor& acceptor) noexcept {
  if (const int fd = suspend_listening(acceptor); fd >= 0) ::close(fd);
}

}  // namespace sluice::cluster
