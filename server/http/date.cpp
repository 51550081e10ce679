#include "server/http/date.hpp"

#include <algorithm>
#include <chrono>
#include <span>

#include "server/http/text.hpp"

namespace sluice::http {
namespace {

using namespace std::chrono;

constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kLongDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Reads a date from left to right; the first thing that does not fit makes everything behind it fail.
class DateReader {
 public:
  explicit DateReader(std::string_view text) noexcept : rest_(text) {}

  void literal(std::string_view wanted) noexcept {
    ok_ = ok_ && rest_.starts_with(wanted);
    if (ok_) rest_.remove_prefix(wanted.size());
  }
  unsigned name(std::span<const std::string_view> names) noexcept {
    for (std::size_t i = 0; ok_ && i < names.size(); ++i) {
      if (rest_.starts_with(names[i])) {
        rest_.remove_prefix(names[i].size());
        return static_cast<unsigned>(i);
      }
    }
    ok_ = false;
    return 0;
  }
  /// A fixed number of digits; of two, the first may be a blank when `padded`.
  int number(std::size_t width, bool padded = false) noexcept {
    ok_ = ok_ && rest_.size() >= width;
    if (!ok_) return 0;
    std::string_view digits = rest_.substr(0, width);
    rest_.remove_prefix(width);
    if (padded && digits[0] == ' ') digits.remove_prefix(1);
    const auto value = parse_decimal(digits);
    ok_ = value.has_value();
    return ok_ ? static_cast<int>(*value) : 0;
  }
  void time_of_day(seconds& time) noexcept {
    const int h = number(2);
    literal(":");
    const int m = number(2);
    literal(":");
    const int s = number(2);
    ok_ = ok_ && h < 24 && m < 60 && s <= 60;  // 60: a leap second
    time = hours{h} + minutes{m} + seconds{s};
  }
  bool complete() const noexcept { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

struct Parts {
  int year = 0;
  unsigned month = 0;  // from 0
  int day = 0;
  seconds time{};
};

std::optional<WallSeconds> assemble(const Parts& parts) noexcept {
  const year_month_day date{year{parts.year}, month{parts.month + 1}, day{static_cast<unsigned>(parts.day)}};
  if (!date.ok()) return std::nullopt;
  return sys_days{date} + parts.time;
}

std::optional<WallSeconds> parse_imf(std::string_view text) noexcept {
  DateReader reader{text};
  Parts parts;
  reader.name(kDays);
  reader.literal(", ");
  parts.day = reader.number(2);
  reader.literal(" ");
  parts.month = reader.name(kMonths);
  reader.literal(" ");
  parts.year = reader.number(4);
  reader.literal(" ");
  reader.time_of_day(parts.time);
  reader.literal(" GMT");
  return reader.complete() ? assemble(parts) : std::nullopt;
}

std::optional<WallSeconds> parse_rfc850(std::string_view text, WallSeconds now) noexcept {
  DateReader reader{text};
  Parts parts;
  reader.name(kLongDays);
  reader.literal(", ");
  parts.day = reader.number(2);
  reader.literal("-");
  parts.month = reader.name(kMonths);
  reader.literal("-");
  const int two_digits = reader.number(2);
  reader.literal(" ");
  reader.time_of_day(parts.time);
  reader.literal(" GMT");
  if (!reader.complete()) return std::nullopt;
  // "more than 50 years in the future" means the past century.
  const int this_year = static_cast<int>(year_month_day{floor<days>(now)}.year());
  parts.year = this_year - this_year % 100 + two_digits;
  if (parts.year > this_year + 50) parts.year -= 100;
  return assemble(parts);
}

std::optional<WallSeconds> parse_asctime(std::string_view text) noexcept {
  DateReader reader{text};
  Parts parts;
  reader.name(kDays);
  reader.literal(" ");
  parts.month = reader.name(kMonths);
  reader.literal(" ");
  parts.day = reader.number(2, true);
  reader.literal(" ");
  reader.time_of_day(parts.time);
  reader.literal(" ");
  parts.year = reader.number(4);
  return reader.complete() ? assemble(parts) : std::nullopt;
}

}  // namespace

DateText http_date(WallSeconds when) noexcept {
  const auto midnight = floor<days>(when);
  const year_month_day date{midnight};
  const hh_mm_ss time{when - midnight};
  DateText text{};
  char* out = text.data();
  const auto put = [&](std::string_view part) { out = std::copy(part.begin(), part.end(), out); };
  const auto put_number = [&](unsigned value, unsigned divisor) {
    for (; divisor > 0; divisor /= 10) *out++ = static_cast<char>('0' + value / divisor % 10);
  };
  put(kDays[weekday{midnight}.c_encoding()]);
  put(", ");
  put_number(static_cast<unsigned>(date.day()), 10);
  put(" ");
  put(kMonths[static_cast<unsigned>(date.month()) - 1]);
  put(" ");
  put_number(static_cast<unsigned>(static_cast<int>(date.year())), 1000);
  put(" ");
  put_number(static_cast<unsigned>(time.hours().count()), 10);
  put(":");
  put_number(static_cast<unsigned>(time.minutes().count()), 10);
  put(":");
  put_number(static_cast<unsigned>(time.seconds().count()), 10);
  put(" GMT");
  return text;
}

std::optional<WallSeconds> parse_http_date(std::string_view text, WallSeconds now) noexcept {
  if (const auto date = parse_imf(text)) return date;
  if (const auto date = parse_rfc850(text, now)) return date;
  return parse_asctime(text);
}

}  // namespace sluice::http
