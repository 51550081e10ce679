#pragma once
#include <chrono>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "cluster/backoff.hpp"
#include "cluster/dns_resolver.hpp"

namespace sluice::cluster {

struct DnsOptions {
  DnsQuestion question{};
  std::chrono::milliseconds interval{5000};
  std::string server{};  ///< address:port; empty: as in /etc/resolv.conf.
};

/// Members are what a name in DNS says: the pods of a headless service of Kubernetes, for instance.
class DnsDiscovery final : public Discovery {
 public:
  DnsDiscovery(boost::asio::io_context& io, DnsOptions options, std::size_t max, Handlers handlers);
  void start() override;
  Task<void> leave() override { co_return; }
  void stop() override;

 private:
  static constexpr std::chrono::milliseconds kRetryMin{100};
  using Timer = boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor>;

  Task<void> run();
  Task<Or<std::vector<std::string>>> look();
  /// What one and the other say, until it is asked again.
  std::chrono::milliseconds take(const Or<std::vector<std::string>>& found);

  boost::asio::io_context& io_;
  const DnsOptions options_;
  const std::size_t max_;
  const Handlers handlers_;
  Backoff backoff_;
  Timer wake_;
  DnsResolver* asking_ = nullptr;
  bool found_before_ = false;
  bool stopping_ = false;
};

}  // namespace sluice::cluster
