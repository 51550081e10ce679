#include "cluster/key_exchange.hpp"

#include <algorithm>

namespace sluice::cluster {

Keys KeyExchange::ours() const {
  Keys keys;
  if (!joined_) return keys;
  const auto ring = keys_.ring();
  keys.keys.assign(ring->keys().begin(), ring->keys().end());
  return keys;
}

std::uint64_t KeyExchange::fingerprint() const { return joined_ ? keys_.ring()->fingerprint() : 0; }

void KeyExchange::on(const Keys& keys, WallSeconds now) {
  if (joined_) {
    keys_.add(keys.keys, now);
  } else {
    offered_.keys.insert(offered_.keys.end(), keys.keys.begin(), keys.keys.end());
  }
}

bool KeyExchange::asks(const std::string& from, std::uint64_t theirs, Monotonic::time_point now) {
  if (!joined_ || theirs == 0 || theirs == keys_.ring()->fingerprint()) return false;
  auto& asked = asked_[from];
  if (now - asked < kAskEvery) return false;
  asked = now;
  return true;
}

void KeyExchange::join(WallSeconds now) {
  const bool agreed = std::ranges::any_of(offered_.keys, [](const auto& key) { return key.generation > 0; });
  if (agreed) {
    keys_.replace(offered_.keys, now);
  } else {
    keys_.add(offered_.keys, now);
  }
  offered_ = {};
  joined_ = true;
}

}  // namespace sluice::cluster
