#include "cluster/discovery_dns.hpp"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>

namespace sluice::cluster {

namespace asio = boost::asio;

DnsDiscovery::DnsDiscovery(asio::io_context& io, DnsOptions options, std::size_t max, Handlers handlers)
    : io_(io),
      options_(std::move(options)),
      max_(max),
      handlers_(std::move(handlers)),
      backoff_(std::min(kRetryMin, options_.interval), options_.interval),
      wake_(io.get_executor()) {}

void DnsDiscovery::start() { asio::co_spawn(io_, run(), asio::detached); }

void DnsDiscovery::stop() {
  stopping_ = true;
  wake_.cancel();
  if (asking_ != nullptr) asking_->cancel();
}

Task<void> DnsDiscovery::run() {
  boost::system::error_code ignored;
  while (!stopping_) {
    const auto found = co_await look();
    if (stopping_) co_return;
    wake_.expires_after(take(found));
    co_await wake_.async_wait(asio::redirect_error(use_task, ignored));
  }
}

Task<Or<std::vector<std::string>>> DnsDiscovery::look() {
  DnsResolver resolver(io_.get_executor(), options_.server);
  asking_ = &resolver;
  std::vector<HostPort> hosts{{options_.question.name, options_.question.port}};
  if (options_.question.service()) {
    auto service = co_await resolver.service(options_.question.name, max_);
    if (!service) {
      asking_ = nullptr;
      co_return service.error();
    }
    hosts = *std::move(service);
  }
  std::vector<std::string> all;
  // One after the other: there may be hundreds, and if one is not answered, then the rest is hardly, either.
  for (const HostPort& host : hosts) {
    if (stopping_ || all.size() >= max_) break;
    const auto some = co_await resolver.addresses(host, max_);
    if (!some) {
      asking_ = nullptr;
      co_return some.error();
    }
    all.insert(all.end(), some->begin(), some->end());
  }
  asking_ = nullptr;
  co_return all;
}

std::chrono::milliseconds DnsDiscovery::take(const Or<std::vector<std::string>>& found) {
  if (!found) {
    handlers_.looked(found.error());
    return backoff_.next();
  }
  backoff_.reset();
  if (!found->empty() || !std::exchange(found_before_, true)) handlers_.found(*found);
  found_before_ = true;
  handlers_.looked(found->empty() ? Trouble{Looked::empty, options_.question.name + " has no address"}
                                  : Trouble{Looked::ok, ""});
  return backoff_.jittered(options_.interval, 0.2);
}

}  // namespace sluice::cluster
