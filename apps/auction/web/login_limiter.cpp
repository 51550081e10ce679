#include "apps/auction/web/login_limiter.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstring>

#include "apps/auction/web/secrets.hpp"

namespace sluice::auction::web {

namespace {

/// An IPv6 host can change the lower half of its address at will.
std::string network_of(std::string_view address) {
  boost::system::error_code ec;
  const auto parsed = boost::asio::ip::make_address(std::string{address}, ec);
  if (ec || !parsed.is_v6() || parsed.to_v6().is_v4_mapped()) return std::string{address};
  const auto bytes = parsed.to_v6().to_bytes();
  return {reinterpret_cast<const char*>(bytes.data()), 8};
}

}  // namespace

LoginLimiter::LoginLimiter() : key_(random_bytes(32)), buckets_(kBuckets) {}

LoginLimiter::Allowance LoginLimiter::allowance(By by) noexcept {
  using std::chrono::seconds;
  switch (by) {
    case By::account: return {seconds{30}, 10};
    case By::address: return {seconds{5}, 30};
    case By::device: return {seconds{30}, 10};
  }
  return {seconds{30}, 1};
}

std::size_t LoginLimiter::slot(By by, std::string_view key) const {
  const Digest digest = hmac_sha256(key_, std::to_string(static_cast<int>(by)) + std::string{key});
  std::uint64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return static_cast<std::size_t>(number % kBuckets);
}

std::array<std::pair<LoginLimiter::By, std::size_t>, 2> LoginLimiter::slots(const Attempt& attempt) const {
  const bool known = !attempt.device.empty();
  const auto who = known ? std::pair{By::device, slot(By::device, attempt.device)}
                         : std::pair{By::account, slot(By::account, attempt.nickname)};
  return {who, std::pair{By::address, slot(By::address, network_of(attempt.address))}};
}

std::optional<std::chrono::seconds> LoginLimiter::take(const Attempt& attempt, Monotonic::time_point now) {
  const auto wanted = slots(attempt);
  const std::lock_guard lock{mutex_};
  for (const auto& [by, at] : wanted) {
    const auto [every, burst] = allowance(by);
    const auto wait = buckets_[at] - (now + every * (burst - 1));
    if (wait <= Monotonic::duration::zero()) continue;
    ++refused_[static_cast<std::size_t>(by)];
    return std::chrono::ceil<std::chrono::seconds>(wait);
  }
  for (const auto& [by, at] : wanted) buckets_[at] = std::max(buckets_[at], now) + allowance(by).every;
  return std::nullopt;
}

void LoginLimiter::give_back(const Attempt& attempt) {
  const auto taken = slots(attempt);
  const std::lock_guard lock{mutex_};
  for (const auto& [by, at] : taken) buckets_[at] -= allowance(by).every;
}

std::uint64_t LoginLimiter::refused(By by) const {
  const std::lock_guard lock{mutex_};
  return refused_[static_cast<std::size_t>(by)];
}

}  // namespace sluice::auction::web
