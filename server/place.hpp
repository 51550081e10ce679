#pragma once
#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/clock.hpp"

/// A refused visitor's place in line, signed, so that who comes back when told to is let in before newcomers.
namespace sluice::server {

/// Name of the cookie. `__Host-`: only from this host, only over TLS, for the whole site (RFC 6265bis
/// section 4.1.3.2).
inline constexpr std::string_view kPlaceCookie = "__Host-sluice-place";

struct Place {
  WallSeconds since{};       ///< When the visitor was refused first.
  WallSeconds not_before{};  ///< When it was told to come back.
  std::uint64_t visitor = 0;
};

/// Issues and checks places. The key is random and lives as long as the process. Any thread.
class PlaceBook {
 public:
  static constexpr std::chrono::minutes kLifetime{10};

  PlaceBook();
  ~PlaceBook();  ///< Wipes the key.
  PlaceBook(const PlaceBook&) = delete;
  PlaceBook& operator=(const PlaceBook&) = delete;

  /// A place for somebody who asks for the first time, or again with `held`.
  Place issue(const std::optional<Place>& held, WallSeconds now, std::chrono::seconds wait) const;
  /// Value of the cookie: letters, digits, '-' and '_'.
  std::string sign(const Place& place) const;
  /// `nullopt` unless we signed it within kLifetime.
  std::optional<Place> check(std::string_view value, WallSeconds now) const;
  /// Lets a place be used once. False when it was used before: one place is for one visitor. Remembers a
  /// bounded number; beyond that old ones are forgotten.
  bool use(const Place& place);
  /// It was, as far as is remembered.
  bool used(const Place& place);

 private:
  static constexpr std::size_t kUsedMax = 65'536;
  using Mac = std::array<std::uint8_t, 16>;
  Mac mac_of(std::string_view text) const;

  std::array<std::uint8_t, 32> key_{};
  std::mutex mutex_;
  std::unordered_set<std::uint64_t> used_, used_before_;
};

}  // namespace sluice::server
