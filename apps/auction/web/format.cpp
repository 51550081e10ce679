#include "apps/auction/web/format.hpp"

#include <array>
#include <chrono>
#include <cstdint>

namespace sluice::auction::web {

namespace {

/// Of time left: from so many minutes on without seconds.
constexpr std::int64_t kMinutesOnly = 10;

std::uint64_t magnitude(std::int64_t value) noexcept {
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

/// At least two digits. By hand: a list of 25 items formats 100 times and dates, and printf is half of its
/// cost.
std::string two_digits(std::uint64_t number) {
  return number < 10 ? '0' + std::to_string(number) : std::to_string(number);
}

std::string two_units(std::int64_t large, const char* large_unit, std::int64_t small,
                      const char* small_unit) {
  if (small == 0) return std::to_string(large) + ' ' + large_unit;
  return std::to_string(large) + ' ' + large_unit + ' ' + std::to_string(small) + ' ' + small_unit;
}

struct Calendar {
  std::uint64_t year, month, day, weekday, hour, minute, second;
};

Calendar calendar(WallSeconds when) noexcept {
  const auto days = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss time{when - days};
  const auto number = [](auto value) { return static_cast<std::uint64_t>(value); };
  return {number(static_cast<int>(date.year())),
          number(static_cast<unsigned>(date.month())),
          number(static_cast<unsigned>(date.day())),
          std::chrono::weekday{days}.c_encoding(),
          number(time.hours().count()),
          number(time.minutes().count()),
          number(time.seconds().count())};
}

}  // namespace

std::string money(Cents amount) {
  const std::uint64_t cents = magnitude(amount.value);
  std::string whole = std::to_string(cents / 100);
  for (std::size_t at = whole.size(); at > 3;) {
    at -= 3;
    whole.insert(at, 1, ',');
  }
  return (amount.value < 0 ? "-$" : "$") + whole + '.' + two_digits(cents % 100);
}

std::string plain_amount(Cents amount) {
  const std::uint64_t cents = magnitude(amount.value);
  return (amount.value < 0 ? "-" : "") + std::to_string(cents / 100) + '.' + two_digits(cents % 100);
}

std::string time_left(WallSeconds ends, WallSeconds now) {
  const std::int64_t seconds = (ends - now).count();
  if (seconds <= 0) return "ended";
  const std::int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (days > 0) return two_units(days, "d", hours % 24, "h");
  if (hours > 0) return two_units(hours, "h", minutes % 60, "min");
  if (minutes >= kMinutesOnly) return std::to_string(minutes) + " min";
  if (minutes > 0) return two_units(minutes, "min", seconds % 60, "s");
  return std::to_string(seconds) + " s";
}

WallSeconds time_left_changes(WallSeconds ends, WallSeconds now) {
  const std::int64_t seconds = (ends - now).count();
  if (seconds <= 0) return WallSeconds::max();
  const std::int64_t unit = seconds >= 86'400 ? 3600 : seconds >= 60 * kMinutesOnly ? 60 : 1;
  return now + std::chrono::seconds{seconds % unit + 1};
}

std::string utc(WallSeconds when) {
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Calendar c = calendar(when);
  std::string text;
  text.reserve(32);
  text.append(kDays[c.weekday]).append(1, ' ').append(std::to_string(c.day)).append(1, ' ');
  text.append(kMonths[c.month - 1]).append(1, ' ').append(std::to_string(c.year)).append(", ");
  text.append(two_digits(c.hour)).append(1, ':').append(two_digits(c.minute)).append(" UTC");
  return text;
}

std::string iso8601(WallSeconds when) {
  const Calendar c = calendar(when);
  std::string text = std::to_string(c.year);
  text.reserve(24);
  text.append(1, '-').append(two_digits(c.month)).append(1, '-').append(two_digits(c.day)).append(1, 'T');
  text.append(two_digits(c.hour)).append(1, ':').append(two_digits(c.minute)).append(1, ':');
  text.append(two_digits(c.second)).append(1, 'Z');
  return text;
}

std::string counted(std::int64_t count, std::string_view singular, std::string_view plural) {
  return std::to_string(count) + ' ' + std::string{count == 1 ? singular : plural};
}

}  // namespace sluice::auction::web
