#pragma once
#include <functional>
#include <map>
#include <mutex>

#include "server/arrival.hpp"

/// Connections that come by relay: all that is known of them, by way of the cluster, and their bytes, which a
/// member passes on to the port of clients. Whichever is first waits for the other here. Any thread; locks
/// for moments.
namespace sluice::server {

class Expected {
 public:
  /// Called once, on any thread; null when nothing came.
  using Found = std::function<void(ArrivalPtr)>;
  static constexpr std::size_t kMax = 8192;  ///< Of either kind.

  /// What is known is here. False when there is too much.
  bool put(const HandoverKey& key, ArrivalPtr arrival);
  /// The bytes are here.
  void await(const HandoverKey& key, Found found);
  /// It will not come, or is not waited for any more.
  void drop(const HandoverKey& key);

 private:
  std::mutex mutex_;
  std::map<HandoverKey, ArrivalPtr> arrivals_;
  std::map<HandoverKey, Found> waiting_;
};

}  // namespace sluice::server
