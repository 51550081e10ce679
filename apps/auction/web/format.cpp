#include "apps/auction/web/format.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace sluice::auction::web {

namespace {

std::uint64_t magnitude(std::int64_t value) noexcept {
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

template <class... Args>
std::string printed(const char* format, Args... args) {
  std::array<char, 48> text{};
  const int length = std::snprintf(text.data(), text.size(), format, args...);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string two_units(std::int64_t large, const char* large_unit, std::int64_t small,
                      const char* small_unit) {
  if (small == 0) return std::to_string(large) + ' ' + large_unit;
  return std::to_string(large) + ' ' + large_unit + ' ' + std::to_string(small) + ' ' + small_unit;
}

struct Calendar {
  int year;
  unsigned month, day, weekday;
  int hour, minute, second;
};

Calendar calendar(WallSeconds when) noexcept {
  const auto days = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss time{when - days};
  return {static_cast<int>(date.year()),           static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),       std::chrono::weekday{days}.c_encoding(),
          static_cast<int>(time.hours().count()),  static_cast<int>(time.minutes().count()),
          static_cast<int>(time.seconds().count())};
}

}  // namespace

std::string money(Cents amount) {
  const std::uint64_t cents = magnitude(amount.value);
  std::string whole = std::to_string(cents / 100);
  for (std::size_t at = whole.size(); at > 3;) {
    at -= 3;
    whole.insert(at, 1, ',');
  }
  const auto rest = static_cast<unsigned>(cents % 100);
  return (amount.value < 0 ? "-$" : "$") + whole + printed(".%02u", rest);
}

std::string plain_amount(Cents amount) {
  const std::uint64_t cents = magnitude(amount.value);
  const auto rest = static_cast<unsigned>(cents % 100);
  return (amount.value < 0 ? "-" : "") + std::to_string(cents / 100) + printed(".%02u", rest);
}

std::string time_left(WallSeconds ends, WallSeconds now) {
  const std::int64_t seconds = (ends - now).count();
  if (seconds <= 0) return "ended";
  const std::int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (days > 0) return two_units(days, "d", hours % 24, "h");
  if (hours > 0) return two_units(hours, "h", minutes % 60, "min");
  if (minutes > 0) return two_units(minutes, "min", seconds % 60, "s");
  return std::to_string(seconds) + " s";
}

std::string utc(WallSeconds when) {
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Calendar c = calendar(when);
  return printed("%s %u %s %d, %02d:%02d UTC", kDays[c.weekday], c.day, kMonths[c.month - 1], c.year, c.hour,
                 c.minute);
}

std::string iso8601(WallSeconds when) {
  const Calendar c = calendar(when);
  return printed("%04d-%02u-%02uT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

std::string counted(std::int64_t count, std::string_view singular, std::string_view plural) {
  return std::to_string(count) + ' ' + std::string{count == 1 ? singular : plural};
}

}  // namespace sluice::auction::web
