#include "cluster/tcp/service.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace sluice::cluster::tcp {

namespace asio = boost::asio;

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// One helper a socket; a file that a dead one left is replaced.
Descriptor lock(const std::string& socket) {
  Descriptor file{::open((socket + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!file) fail("can't write beside " + socket);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    throw std::runtime_error("another sluice-tcp listens at " + socket);
  return file;
}

/// Nobody can come between bind and chmod: the mask lets only root in.
int listen_at(const std::string& path, uid_t user) {
  Descriptor socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    throw std::runtime_error("the socket's path is empty, or longer than " +
                             std::to_string(sizeof address.sun_path - 1) + " bytes");
  std::ranges::copy(path, address.sun_path);
  ::unlink(path.c_str());
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(mask);
  if (bound != 0 || ::listen(socket.get(), 16) != 0) fail("can't listen at " + path);
  if (::chown(path.c_str(), user, static_cast<gid_t>(-1)) != 0) fail("can't give " + path + " to its user");
  return socket.release();
}

}  // namespace

Service::Service(asio::io_context& io, ServiceOptions options, Place place, Mover& mover)
    : io_(io),
      options_(std::move(options)),
      place_(place),
      mover_(mover),
      lock_(lock(options_.socket)),
      listener_(io.get_executor(), listen_at(options_.socket, options_.user)) {
  accept();
}

void Service::accept() {
  listener_.async_wait(decltype(listener_)::wait_read, [this](const auto& error) {
    if (error) return;
    Descriptor socket{::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (socket) admit(std::move(socket));
    accept();
  });
}

void Service::admit(Descriptor socket) {
  ucred who{};
  socklen_t length = sizeof who;
  const bool known = ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 &&
                     (who.uid == options_.user || who.uid == 0);
  if (!known || clients_.size() >= options_.links_max) {
    ++rejected_;
    return;
  }
  auto client = std::make_shared<Client>();
  client->link = std::make_shared<Link>(io_, std::move(socket));
  clients_.insert(client);
  const std::weak_ptr<Client> weak = client;
  client->link->start(
      [this, weak](Message message, Descriptor beside) {
        if (const auto self = weak.lock()) on_message(self, std::move(message), std::move(beside));
      },
      [this, weak](const std::string&) {
        if (const auto self = weak.lock()) hang_up(self);
      });
}

void Service::on_message(const ClientPtr& client, Message message, Descriptor beside) {
  if (std::holds_alternative<Hello>(message) != !client->greeted || client->asked >= options_.asked_max) {
    ++rejected_;
    return hang_up(client);
  }
  if (!std::exchange(client->greeted, true)) return client->link->send(Welcome{.place = place_});
  ++client->asked;
  asio::co_spawn(io_, answer(client, std::move(message), std::move(beside)), asio::detached);
}

Task<void> Service::answer(ClientPtr client, Message message, Descriptor beside) {
  Mover::Reply reply = co_await mover_.handle(client.get(), std::move(message), std::move(beside));
  --client->asked;
  client->link->send(reply.message, std::move(reply.beside));
  if (!client->link->open()) mover_.gone(client.get());  // it may have gone while it was waited for
}

void Service::hang_up(const ClientPtr& client) {
  const auto self = client;
  self->link->close();
  clients_.erase(self);
  mover_.gone(self.get());
}

void Service::stop() {
  boost::system::error_code ignored;
  listener_.close(ignored);
  for (const auto& client : clients_) client->link->close();
  clients_.clear();
  ::unlink(options_.socket.c_str());
}

}  // namespace sluice::cluster::tcp
