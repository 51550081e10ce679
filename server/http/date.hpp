#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

/// Dates of HTTP (RFC 9110 section 5.6.7), always UTC.
namespace sluice::http {

/// "Sun, 06 Nov 1994 08:49:37 GMT": always 29 characters, for years 0 to 9999.
using DateText = std::array<char, 29>;
DateText http_date(WallSeconds when) noexcept;
inline std::string_view view(const DateText& text) noexcept { return {text.data(), text.size()}; }

/// Reads all three formats that RFC 9110 asks recipients to read; `now` settles the century of a two-digit
/// year.
std::optional<WallSeconds> parse_http_date(std::string_view text, WallSeconds now) noexcept;

/// The value of `Date`, rendered once a second. One per processor.
class DateCache {
 public:
  /// Valid until the next call with another second.
  std::string_view at(WallSeconds now) noexcept {
    if (now != rendered_) {
      text_ = http_date(now);
      rendered_ = now;
    }
    return view(text_);
  }

 private:
  WallSeconds rendered_{};
  DateText text_ = http_date({});
};

}  // namespace sluice::http
