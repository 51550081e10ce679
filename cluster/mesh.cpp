#include "cluster/mesh.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>

#include "cluster/addresses.hpp"

namespace sluice::cluster {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

using Timer = asio::basic_waitable_timer<Monotonic, asio::wait_traits<Monotonic>, Executor>;

std::string text_of(const tcp::endpoint& endpoint) {
  return cluster::text_of(HostPort{endpoint.address().to_string(), endpoint.port()});
}

std::string sentence(Members::Heard heard, const std::string& name) {
  switch (heard) {
    case Members::Heard::impostor: return "there is another member \"" + name + "\"";
    case Members::Heard::older: return "a later process of \"" + name + "\" is known";
    case Members::Heard::full: return "the cluster has as many members as it can have";
    case Members::Heard::myself: return "it is the same process";
    case Members::Heard::welcome: break;
  }
  return "";
}

}  // namespace

Mesh::Mesh(asio::io_context& io, const Options& options, Hello self, Handlers handlers)
    : io_(io),
      context_(make_peer_context(options.identity)),
      self_(std::move(self)),
      handlers_(std::move(handlers)),
      protocol_(options.listen.protocol()),
      acceptor_(io.get_executor()) {
  listen_on(acceptor_, options.listen, options.listen_fd,
            "for other members on " + text_of(options.listen) + " (cluster.listen)");
  self_.address = options.advertise.empty() ? text_of(acceptor_.local_endpoint()) : options.advertise;
}

void Mesh::start() { asio::co_spawn(io_, accept(), asio::detached); }

/// Who is dialed already goes on, also when it was gone in between.
void Mesh::want(std::set<std::string> addresses) {
  const Difference change = difference(wanted_, addresses);
  wanted_ = std::move(addresses);
  for (const std::string& address : change.gone) {
    troubles_.erase(address);
    own_.erase(address);
  }
  for (const std::string& address : change.added) {
    if (!stopping_ && dialing_.insert(address).second) asio::co_spawn(io_, dial(address), asio::detached);
  }
}

void Mesh::accept_again() {
  if (suspended_ < 0) return;
  error_code error;
  acceptor_.assign(protocol_, std::exchange(suspended_, -1), error);
  if (error) handlers_.say("can't accept members any more: " + error.message());
}

void Mesh::stop() {
  stopping_ = true;
  if (suspended_ >= 0) ::close(std::exchange(suspended_, -1));
  stop_listening(acceptor_);
  for (const auto& [number, channel] : dialed_) channel->finish();
  for (const auto& channel : accepted_) channel->finish();
}

bool Mesh::send(tls::MemberNumber member, const Message& message) {
  for (const auto* channels : {&dialed_, &accepted_from_}) {
    const auto found = channels->find(member);
    if (found == channels->end() || !found->second->open()) continue;
    // One that moves can wait; what is said besides can't.
    if (const auto* state = std::get_if<State>(&message);
        state != nullptr && !found->second->fits(state->image.size() + state->tcp.size()))
      return false;
    found->second->send(message);
    return true;
  }
  return false;
}

void Mesh::send_all(const Message& message) {
  for (const auto& [number, channel] : dialed_) channel->send(message);
}

void Mesh::goodbye(const std::string& reason) {
  const Goodbye goodbye{reason};
  send_all(goodbye);
  for (const auto& channel : accepted_) channel->send(goodbye);
}

void Mesh::reject(Rejection why, Channel& channel, const std::string& reason) {
  handlers_.rejected(why);
  if (why == Rejection::certificate) return channel.close();
  channel.send(Goodbye{reason});
  channel.finish();
}

/// Said once, not with every try.
void Mesh::trouble(const std::string& address, const std::string& what) {
  if (!wanted_.contains(address)) return;
  if (std::exchange(troubles_[address], what) == what) return;
  handlers_.say("cluster: no connection to " + address + ": " + what);
}

/// In short steps, so that stop() is not waited for.
Task<void> Mesh::pause(Channel::Duration time) {
  error_code ignored;
  Timer timer(io_.get_executor());
  for (const auto end = Monotonic::now() + time; !stopping_ && Monotonic::now() < end;) {
    timer.expires_at(std::min<Monotonic::time_point>(end, Monotonic::now() + kRetryMin));
    co_await timer.async_wait(asio::redirect_error(use_task, ignored));
  }
}

// Both sides. --------------------------------------------------------------------------------------

Task<std::optional<Hello>> Mesh::greet(ChannelPtr channel) {
  channel->send(self_);
  const auto message = co_await channel->receive(kGreetPatience);
  if (!message) {
    // A certificate that the other side does not like shows only now (RFC 8446 section 4.4.2).
    const bool spoke = message.error().category() == protocol_category();
    const bool tls = message.error().category() == asio::error::get_ssl_category();
    reject(spoke ? Rejection::protocol
           : tls ? Rejection::certificate
                 : Rejection::silent,
           *channel, message.error().message());
    co_return std::nullopt;
  }
  if (const auto* goodbye = std::get_if<Goodbye>(&*message)) {
    handlers_.say("cluster: turned away: " + goodbye->reason);
    channel->close();
    co_return std::nullopt;
  }
  const auto* const hello = std::get_if<Hello>(&*message);
  if (hello == nullptr) {
    reject(Rejection::protocol, *channel, make_error_code(ProtocolError::not_a_hello).message());
    co_return std::nullopt;
  }
  if (hello->major != kMajor) {
    reject(Rejection::version, *channel,
           "this member speaks version " + std::to_string(kMajor) + "." + std::to_string(kMinor) +
               " of the protocol, not " + std::to_string(hello->major) + "." + std::to_string(hello->minor));
    co_return std::nullopt;
  }
  if (hello->name != channel->name()) {
    reject(Rejection::identity, *channel,
           "the certificate is that of \"" + channel->name() + "\", not of \"" + hello->name + "\"");
    co_return std::nullopt;
  }
  const auto heard = handlers_.hello(*hello);
  if (heard != Members::Heard::welcome && heard != Members::Heard::myself) {
    reject(heard == Members::Heard::full ? Rejection::full : Rejection::identity, *channel,
           sentence(heard, hello->name));
    co_return std::nullopt;
  }
  co_return *hello;
}

Task<void> Mesh::converse(Hello from, ChannelPtr channel, std::string address) {
  while (!stopping_) {
    const auto message = co_await channel->receive(kSilence);
    if (!message) {
      if (message.error().category() == protocol_category())
        reject(Rejection::protocol, *channel, message.error().message());
      if (message.error().category() == asio::error::get_ssl_category())  // changed on its way
        handlers_.rejected(Rejection::protocol);
      break;
    }
    const bool keys = std::holds_alternative<Keys>(*message);
    if (!handlers_.message(from, *message, *channel)) break;
    if (keys && !address.empty()) handlers_.tried(address);
  }
  if (!stopping_) channel->close();
}

// Accepted. ----------------------------------------------------------------------------------------

Task<void> Mesh::accept() {
  while (!stopping_) {
    error_code error;
    PeerSocket socket = co_await acceptor_.async_accept(asio::redirect_error(use_task, error));
    if (stopping_) co_return;
    if (error) {
      co_await pause(kRetryMin);  // out of descriptors, say
      continue;
    }
    if (accepted_.size() == kAcceptedMax) {
      handlers_.rejected(Rejection::full);
      continue;
    }
    auto channel = std::make_shared<Channel>(std::move(socket), context_);
    accepted_.insert(channel);
    asio::co_spawn(io_, serve(channel), asio::detached);
  }
}

Task<void> Mesh::serve(ChannelPtr channel) {
  const error_code error = co_await channel->handshake(Channel::Side::accepted, kGreetPatience);
  if (error) {
    reject(error == asio::error::timed_out ? Rejection::silent : Rejection::certificate, *channel, "");
    channel->close();
  } else {
    const auto hello = co_await greet(channel);
    if (hello && hello->name != self_.name) {
      const auto number = tls::number_of_member(hello->name);
      accepted_from_[number] = channel;
      co_await converse(*hello, channel, "");
      if (const auto it = accepted_from_.find(number); it != accepted_from_.end() && it->second == channel)
        accepted_from_.erase(it);
    }
  }
  accepted_.erase(channel);
}

// Dialed. ------------------------------------------------------------------------------------------

Task<void> Mesh::dial(std::string address) {
  Backoff backoff(kRetryMin, kRetryMax);
  while (!stopping_ && wanted_.contains(address) && !own_.contains(address)) {
    const auto began = Monotonic::now();
    const Ended ended = co_await talk(address);
    handlers_.tried(address);
    if (ended == Ended::myself && wanted_.contains(address)) own_.insert(address);
    if (stopping_ || ended == Ended::myself) continue;
    if (Monotonic::now() - began > kSilence) backoff.reset();
    Channel::Duration wait = kDoubled;
    if (ended != Ended::doubled) wait = backoff.next();
    co_await pause(wait);
  }
  dialing_.erase(address);
}

Task<Mesh::Ended> Mesh::talk(std::string address) {
  const ChannelPtr channel = co_await connect(address);
  if (!channel) co_return Ended::again;
  const auto hello = co_await greet(channel);
  if (!hello) co_return Ended::again;
  if (hello->name == self_.name) {
    channel->close();
    co_return Ended::myself;
  }
  const auto number = tls::number_of_member(hello->name);
  if (const auto other = dialed_.find(number); other != dialed_.end() && other->second->open()) {
    channel->close();  // two addresses of one member
    co_return Ended::doubled;
  }
  dialed_[number] = channel;
  troubles_.erase(address);
  handlers_.reached(*hello, channel->remote());
  channel->send(WantKeys{});
  co_await converse(*hello, channel, address);
  if (const auto mine = dialed_.find(number); mine != dialed_.end() && mine->second == channel)
    dialed_.erase(mine);
  co_return Ended::again;
}

Task<ChannelPtr> Mesh::connect(std::string address) {
  const HostPort target = split_address(address).value_or(HostPort{});
  const std::string port = std::to_string(target.port);
  error_code error;
  asio::ip::basic_resolver<tcp, Executor> resolver(io_.get_executor());
  const auto found =
      co_await resolver.async_resolve(target.host, port, asio::redirect_error(use_task, error));
  const auto socket = std::make_shared<PeerSocket>(io_.get_executor());
  Timer limit(io_.get_executor(), Monotonic::now() + kGreetPatience);
  limit.async_wait([socket](const error_code& ended) {
    error_code ignored;
    if (!ended) socket->close(ignored);
  });
  if (!error) co_await asio::async_connect(*socket, found, asio::redirect_error(use_task, error));
  limit.cancel();
  if (error) {
    trouble(address, error.message());
    co_return nullptr;
  }
  auto channel = std::make_shared<Channel>(std::move(*socket), context_);
  error = co_await channel->handshake(Channel::Side::dialed, kGreetPatience);
  if (error) {
    trouble(address, error.message());
    handlers_.rejected(error == asio::error::timed_out ? Rejection::silent : Rejection::certificate);
    channel->close();
    co_return nullptr;
  }
  co_return channel;
}

}  // namespace sluice::cluster
