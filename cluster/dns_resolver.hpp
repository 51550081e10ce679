#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ares.h>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "cluster/addresses.hpp"
#include "cluster/discovery.hpp"

namespace sluice::cluster {

/// c-ares on an Asio loop: asks DNS, and no file of hosts. Used on its executor's thread only.
///
/// Made for one look, so that /etc/resolv.conf is as it is now; it takes some microseconds.
class DnsResolver {
 public:
  /// `server`: address:port to ask instead of those in /etc/resolv.conf; empty: those. Does not throw: what
  /// went wrong is what every question is answered with.
  DnsResolver(Executor executor, const std::string& server);
  ~DnsResolver();
  DnsResolver(const DnsResolver&) = delete;
  DnsResolver& operator=(const DnsResolver&) = delete;

  /// IPv4 and IPv6; none is no error. At most `max`.
  Task<Or<std::vector<std::string>>> addresses(HostPort of, std::size_t max);
  /// Of a service; none is no error. At most `max`.
  Task<Or<std::vector<HostPort>>> service(std::string name, std::size_t max);
  /// Every question is answered now, with trouble.
  void cancel();

 private:
  struct Watch;
  struct Question;
  using Timer = boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor>;

  static void on_state(void* self, ares_socket_t socket, int reads, int writes);
  static void on_addresses(void* question, int status, int timeouts, ares_addrinfo* found);
  static void on_service(void* question, int status, int timeouts, unsigned char* answer, int size);
  void watch(ares_socket_t socket, bool reads, bool writes);
  void wait(const std::shared_ptr<Watch>& watch, bool to_write);
  void process(ares_socket_t readable, ares_socket_t writable);
  void arm();
  Task<void> answered(std::shared_ptr<Question> question);

  const Executor executor_;
  ares_channel channel_ = nullptr;
  int status_ = ARES_SUCCESS;
  std::map<ares_socket_t, std::shared_ptr<Watch>> watches_;
  Timer timer_;                                                      // of c-ares' own retries
  const std::shared_ptr<bool> here_ = std::make_shared<bool>(true);  // what is queued already asks if we are
};

}  // namespace sluice::cluster
