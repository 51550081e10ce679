#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>

#include "cluster/etcd_json.hpp"
#include "cluster/identity.hpp"

/// Requests to etcd's HTTP gateway.
namespace sluice::cluster::etcd {

/// Used on its loop's thread only; must be destroyed before its io_context.
class Client {
 public:
  using Duration = std::chrono::milliseconds;
  static constexpr std::size_t kBodyMax = 1 << 20;  ///< Of an answer, and of a line of a watch.

  /// `tls` with "https" endpoints; certificate and key may be missing. Throws `std::runtime_error` with a
  /// sentence.
  Client(boost::asio::io_context& io, std::vector<Endpoint> endpoints, const IdentityFiles& tls);

  /// The body of the answer, which may be an error in etcd's own words. Every endpoint is tried once,
  /// beginning with the one that answered last, each for `patience`.
  Task<Or<std::string>> post(std::string path, std::string body, Duration patience);
  /// Calls `line` for each line of an answer without end, until it returns false, or nothing comes for
  /// `patience`, or it ends, which all is no trouble.
  using OnLine = std::function<bool(std::string_view)>;
  Task<std::optional<Trouble>> watch(std::string path, std::string body, OnLine line, Duration patience);
  /// Ends every request that is under way, with trouble.
  void hang_up();
  void stop();
  std::size_t endpoints() const noexcept { return endpoints_.size(); }

 private:
  class Connection;
  struct Exchange;

  Task<std::optional<Trouble>> exchange(const Endpoint& endpoint, std::shared_ptr<Exchange> exchange);
  template <class Stream>
  Task<boost::system::error_code> talk(Stream& stream, std::shared_ptr<Connection> connection,
                                       std::shared_ptr<Exchange> exchange);

  boost::asio::io_context& io_;
  const std::vector<Endpoint> endpoints_;
  std::optional<boost::asio::ssl::context> tls_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::size_t current_ = 0;
  bool stopping_ = false;
};

}  // namespace sluice::cluster::etcd
