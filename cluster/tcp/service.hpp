#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "base/descriptor.hpp"
#include "cluster/tcp/link.hpp"
#include "cluster/tcp/mover.hpp"

/// Where servers come with what is to be moved: a Unix socket, for one user (and root) only.
namespace sluice::cluster::tcp {

struct ServiceOptions {
  std::string socket{};
  uid_t user = 0;
  std::size_t links_max = 16;    ///< Servers at a time: an old one and its successor, and some to spare.
  std::size_t asked_max = 4096;  ///< Questions of one that are not answered yet.
};

/// Used on its executor's thread only.
class Service {
 public:
  /// Listens. Throws a sentence, also when another helper listens there already.
  Service(boost::asio::io_context& io, ServiceOptions options, Place place, Mover& mover);
  /// Nobody comes any more, and who is there is hung up on. What moves at the moment stays as it is, as if
  /// the process had been killed: the next one can go on with it.
  void stop();
  std::uint64_t rejected() const noexcept { return rejected_; }

 private:
  struct Client {
    std::shared_ptr<Link> link;
    bool greeted = false;
    std::size_t asked = 0;
  };
  using ClientPtr = std::shared_ptr<Client>;

  void accept();
  void admit(Descriptor socket);
  void on_message(const ClientPtr& client, Message message, Descriptor beside);
  Task<void> answer(ClientPtr client, Message message, Descriptor beside);
  void hang_up(const ClientPtr& client);

  boost::asio::io_context& io_;
  const ServiceOptions options_;
  const Place place_;
  Mover& mover_;
  Descriptor lock_;
  boost::asio::posix::basic_stream_descriptor<Executor> listener_;
  std::set<ClientPtr> clients_;
  std::uint64_t rejected_ = 0;
};

}  // namespace sluice::cluster::tcp
