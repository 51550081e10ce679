#include "cluster/tcp_transport.hpp"

#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/steady_timer.hpp>

namespace sluice::cluster {

namespace {

constexpr std::chrono::milliseconds kRetry{200};

std::optional<tcp::PlaceBytes> place_from(std::string_view text) {
  tcp::PlaceBytes place{};
  if (text.size() != place.size()) return std::nullopt;
  std::ranges::copy(as_bytes(text), place.begin());
  return place;
}

tcp::Endpoint endpoint_from(const boost::asio::ip::tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  const auto v6 = address.is_v6()
                      ? address.to_v6()
                      : boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, address.to_v4());
  return {.address = v6.to_bytes(), .port = endpoint.port()};
}

template <class T>
std::string why_not(const tcp::Answer<T>& answer) {
  if (answer) return {};
  return answer.error().why.empty() ? "the helper can't" : answer.error().why;
}

}  // namespace

std::string TcpTransport::place() const {
  const tcp::PlaceBytes& place = helper_.place();
  return {place.begin(), place.end()};
}

void TcpTransport::dump(HandoverId id, int fd, std::string_view place, OnDump done) {
  const auto target = place_from(place);
  if (!target) return done("the other member does not say where it takes frames", {});
  Leaving& leaving = leaving_[id];
  leaving.fd = fd;
  leaving.id = helper_.dump(fd, *target, [this, id, done = std::move(done)](tcp::Answer<tcp::Dump> dump) {
    if (!leaving_.contains(id)) return;  // rolled back meanwhile
    const std::string why = why_not(dump);
    done(why, dump ? std::move(dump->state) : std::vector<std::uint8_t>{});
  });
}

void TcpTransport::forget(HandoverId id, Done done) {
  const auto found = leaving_.find(id);
  if (found == leaving_.end()) return done("it was rolled back");
  const auto dump = found->second.id;
  leaving_.erase(found);
  helper_.forget(dump,
                 [done = std::move(done)](const tcp::Answer<tcp::Done>& answer) { done(why_not(answer)); });
}

void TcpTransport::roll_back(HandoverId id, std::function<void(bool)> done) {
  const auto found = leaving_.find(id);
  if (found == leaving_.end()) return done(true);
  const Leaving leaving = found->second;
  leaving_.erase(found);
  try_roll_back(Monotonic::now() + kComesBack, leaving.id, leaving.fd, std::move(done));
}

void TcpTransport::try_roll_back(Monotonic::time_point until, tcp::Helper::Id id, int fd,
                                 std::function<void(bool)> done) {
  helper_.roll_back(
      id, fd, [this, until, id, fd, done = std::move(done)](const tcp::Answer<tcp::Done>& answer) {
        if (answer || Monotonic::now() >= until) return done(answer.has_value());
        auto later = std::make_shared<boost::asio::steady_timer>(io_, kRetry);
        later->async_wait([this, later, until, id, fd, done](const boost::system::error_code& error) {
          if (error) return done(false);
          try_roll_back(until, id, fd, done);
        });
      });
}

void TcpTransport::hold(const Arrivals::Key& key, const boost::asio::ip::tcp::endpoint& client,
                        const boost::asio::ip::tcp::endpoint& local, std::string_view place, Done done) {
  const auto source = place_from(place);
  if (!source) return done("the other member does not say where it takes frames");
  const tcp::Flow flow{.client = endpoint_from(client), .local = endpoint_from(local)};
  coming_[key].id =
      helper_.hold(flow, *source,
                   [done = std::move(done)](const tcp::Answer<tcp::Done>& answer) { done(why_not(answer)); });
}

void TcpTransport::restore(const Arrivals::Key& key, Bytes state, OnSocket done) {
  const auto found = coming_.find(key);
  if (found == coming_.end()) return done("nothing was held for it", -1);
  helper_.restore(found->second.id, {state.begin(), state.end()},
                  [this, key, done = std::move(done)](tcp::Answer<Descriptor> socket) {
                    const auto coming = coming_.find(key);
                    if (coming == coming_.end()) return done("it was given up", -1);
                    if (!socket) return done(why_not(socket), -1);
                    coming->second.socket.reset(::fcntl(socket->get(), F_DUPFD_CLOEXEC, 0));
                    if (!coming->second.socket) return done("there are no descriptors left", -1);
                    done({}, socket->release());
                  });
}

void TcpTransport::live(const Arrivals::Key& key, Done done) {
  const auto found = coming_.find(key);
  if (found == coming_.end()) return done("nothing was held for it");
  helper_.live(found->second.id, found->second.socket.get(),
               [this, key, done = std::move(done)](const tcp::Answer<tcp::Done>& answer) {
                 coming_.erase(key);
                 done(why_not(answer));
               });
}

void TcpTransport::cancel(const Arrivals::Key& key) {
  const auto found = coming_.find(key);
  if (found == coming_.end()) return;
  helper_.cancel(found->second.id);
  coming_.erase(found);
}

}  // namespace sluice::cluster
