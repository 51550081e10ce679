#pragma once
#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "cluster/backoff.hpp"
#include "cluster/etcd_client.hpp"
#include "cluster/etcd_directory.hpp"

namespace sluice::cluster {

struct EtcdOptions {
  std::vector<etcd::Endpoint> endpoints{};
  std::string prefix{"/sluice/members/"};
  IdentityFiles tls{};  ///< For "https"; certificate and key may be missing.
};

/// Members are whoever has a key in etcd: `prefix` + name, with its address. The key hangs on a lease, so
/// that it vanishes with the member. etcd decides who is dialed, never who is let in: that is up to
/// certificates.
class EtcdDiscovery final : public Discovery {
 public:
  static constexpr std::chrono::seconds kLease{10};
  static constexpr std::chrono::milliseconds kKeepAlive{kLease / 3};
  static constexpr std::chrono::milliseconds kPatience{2000};  ///< For an answer.
  static constexpr std::chrono::milliseconds kFarewell{1000};  ///< For the last one, from whichever endpoint.
  static constexpr std::chrono::milliseconds kWatchFor{
      60000};  ///< Without a change; then the list is read again.
  static constexpr std::chrono::milliseconds kRetryMin{100}, kRetryMax{5000};

  /// `address`: where the others reach this member. Throws `std::runtime_error` with a sentence.
  EtcdDiscovery(boost::asio::io_context& io, const EtcdOptions& options, const std::string& name,
                std::string address, std::size_t max, Handlers handlers);
  void start() override;
  /// The lease is given back.
  Task<void> leave() override;
  void stop() override;

 private:
  using Timer = boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor>;

  Task<void> stay_registered();
  /// Trouble, or none.
  Task<std::optional<Trouble>> enrol();
  /// Until the lease or the key is lost.
  Task<void> keep_alive();
  Task<void> follow();
  Task<std::optional<Trouble>> list();
  /// False: the list has to be read again.
  bool on_line(std::string_view line);
  void publish();
  /// It works if both sides of it do.
  void settle();
  void failed(const Trouble& trouble);
  bool over() const noexcept { return leaving_ || stopping_; }
  Task<void> pause(Timer& timer, std::chrono::milliseconds time);

  boost::asio::io_context& io_;
  const std::string prefix_, address_;
  const std::size_t max_;
  const Handlers handlers_;
  etcd::Client client_;
  etcd::Directory directory_;
  Backoff register_backoff_{kRetryMin, kRetryMax}, follow_backoff_{kRetryMin, kRetryMax};
  Timer register_wake_, follow_wake_;
  etcd::LeaseId lease_ = 0;
  std::int64_t revision_ = 0;
  bool following_ = false;
  bool registered_ = false, listed_ = false;  // as far as is known
  bool leaving_ = false, stopping_ = false;
};

}  // namespace sluice::cluster
