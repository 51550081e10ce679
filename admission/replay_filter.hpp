#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <unordered_set>

#include "base/bytes.hpp"
#include "base/clock.hpp"

/// Recognises a ClientHello that was seen before.
namespace sluice::admission {

/// Every honest hello has 32 fresh random bytes (RFC 8446 section 4.1.2), so the same ones twice are a
/// recording. Two generations, each of `lifetime` at most and bounded in size: what is older than both is let
/// through, and then meets the session's allowance of resumptions. One per processor; a recording is
/// recognised where it was seen first or from the second time on.
class ReplayFilter {
 public:
  using Instant = Monotonic::time_point;
  static constexpr std::size_t kRandomSize = 32;

  /// `salt`: a secret number, so that peers can't choose where in the table their bytes go.
  explicit ReplayFilter(std::uint64_t salt, std::size_t generation_max = 32'768,
                        std::chrono::seconds lifetime = std::chrono::seconds{30})
      : generation_max_(generation_max),
        lifetime_(lifetime),
        current_(0, Hash{salt}),
        previous_(0, Hash{salt}) {}

  /// Whether these bytes were here before; remembers them.
  bool seen(Bytes random, Instant now) {
    if (current_.size() >= generation_max_ || now - began_ > lifetime_) {
      previous_.swap(current_);
      current_.clear();
      began_ = now;
    }
    Key key{};
    if (!random.empty()) std::memcpy(key.data(), random.data(), std::min(random.size(), sizeof key));
    const bool fresh = current_.insert(key).second;  // one of the previous generation is remembered anew
    return !fresh || previous_.contains(key);
  }

 private:
  using Key = std::array<std::uint64_t, 2>;  // half of it is more than enough to be unique
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept {
      std::uint64_t mixed = (key[0] ^ salt) * 0x9e3779b97f4a7c15U;
      mixed = (mixed ^ (mixed >> 32) ^ key[1]) * 0xd6e8feb86659fd93U;
      return mixed ^ (mixed >> 32);
    }
    std::uint64_t salt;
  };

  using Set = std::unordered_set<Key, Hash>;
  const std::size_t generation_max_;
  const std::chrono::seconds lifetime_;
  Set current_, previous_;
  Instant began_{};
};

}  // namespace sluice::admission
