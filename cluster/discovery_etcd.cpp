#include "cluster/discovery_etcd.hpp"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>

namespace sluice::cluster {

namespace asio = boost::asio;

EtcdDiscovery::EtcdDiscovery(asio::io_context& io, const EtcdOptions& options, const std::string& name,
                             std::string address, std::size_t max, Handlers handlers)
    : io_(io),
      prefix_(options.prefix),
      address_(std::move(address)),
      max_(max),
      handlers_(std::move(handlers)),
      client_(io, options.endpoints, options.tls),
      directory_(options.prefix, name, max),
      register_wake_(io.get_executor()),
      follow_wake_(io.get_executor()) {}

void EtcdDiscovery::start() { asio::co_spawn(io_, stay_registered(), asio::detached); }

void EtcdDiscovery::stop() {
  stopping_ = true;
  register_wake_.cancel();
  follow_wake_.cancel();
  client_.stop();
}

Task<void> EtcdDiscovery::leave() {
  leaving_ = true;
  register_wake_.cancel();
  if (lease_ == 0) co_return;
  const std::string request = etcd::lease(lease_);
  const auto each = kFarewell / static_cast<int>(client_.endpoints());
  co_await client_.post("/v3/lease/revoke", request, each);
}

Task<void> EtcdDiscovery::pause(Timer& timer, std::chrono::milliseconds time) {
  boost::system::error_code ignored;
  timer.expires_after(time);
  if (!stopping_) co_await timer.async_wait(asio::redirect_error(use_task, ignored));
}

void EtcdDiscovery::failed(const Trouble& trouble) {
  if (!over()) handlers_.looked(trouble);
}

void EtcdDiscovery::settle() {
  if (registered_ && listed_ && !over()) handlers_.looked({Looked::ok, ""});
}

// Being found. -------------------------------------------------------------------------------------

Task<void> EtcdDiscovery::stay_registered() {
  while (!over()) {
    const auto trouble = co_await enrol();
    registered_ = !trouble;
    if (trouble) {
      failed(*trouble);
      co_await pause(register_wake_, register_backoff_.next());
      continue;
    }
    register_backoff_.reset();
    // Only now, so that of two who start together at least one finds the other.
    if (!std::exchange(following_, true)) asio::co_spawn(io_, follow(), asio::detached);
    settle();
    co_await keep_alive();
  }
}

Task<std::optional<Trouble>> EtcdDiscovery::enrol() {
  const std::string grant = etcd::lease_grant(kLease);
  const auto granted = co_await client_.post("/v3/lease/grant", grant, kPatience);
  if (!granted) co_return granted.error();
  const auto id = etcd::read_grant(*granted);
  if (!id) co_return id.error();
  lease_ = *id;
  if (over()) co_return std::nullopt;
  const std::string put = etcd::put(directory_.own_key(), address_, lease_);
  const auto stored = co_await client_.post("/v3/kv/put", put, kPatience);
  if (!stored) co_return stored.error();
  const auto done = etcd::read_done(*stored);
  if (!done) co_return done.error();
  co_return std::nullopt;
}

Task<void> EtcdDiscovery::keep_alive() {
  const std::string request = etcd::lease(lease_);
  auto wait = kKeepAlive;
  while (true) {
    co_await pause(register_wake_, wait);
    if (over() || !registered_) co_return;
    const auto answer = co_await client_.post("/v3/lease/keepalive", request, kPatience);
    if (over() || !registered_) co_return;
    auto left = answer ? etcd::read_keepalive(*answer) : Or<std::chrono::seconds>(answer.error());
    if (left && *left == std::chrono::seconds{0}) {
      registered_ = false;
      co_return;
    }
    if (left) {
      register_backoff_.reset();
      wait = kKeepAlive;
    } else {
      client_.hang_up();  // the watch may wait for somebody who is no longer there
      wait = std::min(kKeepAlive, register_backoff_.next());
    }
  }
}

// Finding. -----------------------------------------------------------------------------------------

Task<void> EtcdDiscovery::follow() {
  while (!stopping_) {
    const auto trouble = co_await list();
    if (stopping_) co_return;
    listed_ = !trouble;
    if (trouble) {
      failed(*trouble);
      co_await pause(follow_wake_, follow_backoff_.next());
      continue;
    }
    publish();
    const auto began = Monotonic::now();
    const std::string request = etcd::watch(prefix_, revision_ + 1);
    const etcd::Client::OnLine line = [this](std::string_view text) { return on_line(text); };
    const auto end = co_await client_.watch("/v3/watch", request, line, kWatchFor);
    if (end && end->result == Looked::malformed && !over()) handlers_.remark(*end);
    if (Monotonic::now() - began > kPatience) follow_backoff_.reset();
    co_await pause(follow_wake_, follow_backoff_.next());
  }
}

Task<std::optional<Trouble>> EtcdDiscovery::list() {
  const std::string request = etcd::range(prefix_, max_ + 1);
  const auto answer = co_await client_.post("/v3/kv/range", request, kPatience);
  if (!answer) co_return answer.error();
  const auto listing = etcd::read_range(*answer);
  if (!listing) co_return listing.error();
  revision_ = listing->revision;
  directory_.take(*listing);
  co_return std::nullopt;
}

bool EtcdDiscovery::on_line(std::string_view line) {
  if (stopping_) return false;
  const auto watched = etcd::read_watch(line);
  if (!watched) {
    handlers_.remark(watched.error());  // not trouble: the list is read instead
    return false;
  }
  if (watched->canceled) return false;
  if (watched->changes.empty()) return true;
  if (directory_.incomplete()) return false;
  directory_.take(*watched);
  publish();
  return true;
}

void EtcdDiscovery::publish() {
  handlers_.found(directory_.addresses());
  if (!directory_.complaint().empty()) handlers_.remark({Looked::malformed, directory_.complaint()});
  settle();
  if (directory_.has_own() || !registered_ || over()) return;
  registered_ = false;  // somebody took the key away, or the lease ended
  register_wake_.cancel();
}

}  // namespace sluice::cluster
