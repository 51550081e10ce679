#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

/// How many passwords may be tried.
namespace sluice::auction::web {

/// Three allowances, each a bucket that refills with time: one for the account, one for the client's address
/// (IPv6: its /64), one for a browser that has logged in to this account before and can show it (its
/// `__Host-known` cookie). Whoever tries passwords from many addresses empties the account's bucket, and then
/// only *unknown* browsers have to wait: the owner's own browser is counted in its own bucket, so nobody can
/// lock owners out of the browsers they use. A successful login takes nothing.
///
/// The table has a fixed number of buckets, found by a keyed hash; two keys that share one share the
/// allowance. Shared by all processors behind a mutex: logins are rare and each costs a hash anyway.
class LoginLimiter {
 public:
  static constexpr std::size_t kBuckets = 16384;

  enum class By : std::uint8_t { account, address, device };
  struct Attempt {
    std::string_view nickname;
    std::string_view address;
    std::string_view device;  ///< What identifies a browser known to this account; empty for an unknown one.
  };

  LoginLimiter();

  /// Takes one try from each bucket that counts, or says how long to wait and takes none.
  std::optional<std::chrono::seconds> take(const Attempt& attempt, Monotonic::time_point now);
  /// The password was right: gives the try back.
  void give_back(const Attempt& attempt);
  std::uint64_t refused(By by) const;

 private:
  /// A bucket is full while `empty_until` lies in the past; each try moves it on by `every`, up to `burst` of
  /// them ahead of now (the generic cell rate algorithm).
  struct Allowance {
    std::chrono::seconds every;
    int burst;
  };
  static Allowance allowance(By by) noexcept;
  std::size_t slot(By by, std::string_view key) const;
  std::array<std::pair<By, std::size_t>, 2> slots(const Attempt& attempt) const;

  std::string key_;
  mutable std::mutex mutex_;
  std::vector<Monotonic::time_point> buckets_;
  std::array<std::uint64_t, 3> refused_{};
};

}  // namespace sluice::auction::web
