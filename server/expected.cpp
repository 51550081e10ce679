#include "server/expected.hpp"

#include <utility>

namespace sluice::server {

bool Expected::put(const HandoverKey& key, ArrivalPtr arrival) {
  Found found;
  {
    const std::lock_guard lock(mutex_);
    const auto waiting = waiting_.find(key);
    if (waiting == waiting_.end()) {
      if (arrivals_.size() >= kMax) return false;
      return arrivals_.emplace(key, std::move(arrival)).second;
    }
    found = std::move(waiting->second);
    waiting_.erase(waiting);
  }
  found(std::move(arrival));
  return true;
}

void Expected::await(const HandoverKey& key, Found found) {
  ArrivalPtr arrival;
  {
    const std::lock_guard lock(mutex_);
    const auto here = arrivals_.find(key);
    if (here == arrivals_.end()) {
      if (waiting_.size() < kMax && waiting_.try_emplace(key, found).second) return;
    } else {
      arrival = std::move(here->second);
      arrivals_.erase(here);
    }
  }
  found(std::move(arrival));
}

void Expected::drop(const HandoverKey& key) {
  Found found;
  {
    const std::lock_guard lock(mutex_);
    arrivals_.erase(key);
    if (const auto waiting = waiting_.find(key); waiting != waiting_.end()) {
      found = std::move(waiting->second);
      waiting_.erase(waiting);
    }
  }
  if (found) found(nullptr);
}

}  // namespace sluice::server
