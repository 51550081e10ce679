#include "loadgen/report/format.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace sluice::loadgen::report {
namespace {

bool continues(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::string fixed(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

/// Commas into the digits before the point.
std::string grouped(const std::string& digits) {
  const std::size_t sign = digits.starts_with('-') ? 1 : 0;
  const std::size_t end = std::min(digits.find('.'), digits.size());
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > sign && i < end && (end - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string without_end_zeros(std::string digits) {
  if (digits.find('.') == std::string::npos) return digits;
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.ends_with('.')) digits.pop_back();
  return digits;
}

}  // namespace

std::string count(std::uint64_t value) { return grouped(std::to_string(value)); }

std::string number(double value) {
  if (!std::isfinite(value)) return "-";
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size >= 99.95 && size < 1e15) return grouped(fixed(value, 0));
  if (size >= 9.995) return without_end_zeros(fixed(value, 1));
  if (size >= 0.9995) return without_end_zeros(fixed(value, 2));
  if (size >= 0.0005) return without_end_zeros(fixed(value, 3));
  return value < 0 ? "-0.001" : "<0.001";
}

std::string precise(double value) {
  if (!std::isfinite(value)) return "-";
  const double size = std::abs(value);
  if (size >= 999.95) return grouped(fixed(value, 0));
  if (size < 1e-6) return "0";
  return without_end_zeros(fixed(value, size >= 99.995 ? 1 : size >= 9.9995 ? 2 : size >= 0.99995 ? 3 : 4));
}

std::string per_second(double value) {
  if (!std::isfinite(value)) return "-";
  return grouped(fixed(value, value < 999.95 ? 1 : 0));
}

std::string percent(double share) {
  if (!std::isfinite(share)) return "-";
  // Never 100 % of all but one, never 0 % of one.
  if (share < 1 && share > 0.9995) return ">99.9 %";
  if (share > 0 && share < 0.0005) return "<0.1 %";
  return fixed(100 * share, 1) + " %";
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : percent(static_cast<double>(part) / static_cast<double>(whole));
}

double milliseconds(Histogram::Duration value) noexcept {
  return std::chrono::duration<double, std::milli>(value).count();
}

std::string ms(Histogram::Duration value) {
  const double size = milliseconds(value);
  if (size >= 99.95) return grouped(fixed(size, 0));
  if (size >= 9.995) return fixed(size, 1);
  if (size >= 0.9995) return fixed(size, 2);
  return fixed(size, 3);
}

std::string seconds(double value) {
  if (!std::isfinite(value)) return "-";
  if (value != 0 && std::abs(value) < 1) return number(1000 * value) + " ms";
  if (std::abs(value) < 120) return number(value) + " s";
  const double minutes = std::floor(value / 60 + 0.5 / 60);
  if (minutes < 120) {
    const double rest = std::round(value - 60 * minutes);
    return number(minutes) + " min" + (rest >= 1 ? " " + number(rest) + " s" : "");
  }
  const double rest = minutes - 60 * std::floor(minutes / 60);
  return number(std::floor(minutes / 60)) + " h" + (rest >= 1 ? " " + number(rest) + " min" : "");
}

std::string about(double seconds) {
  const long whole = std::lround(seconds);
  if (whole < 90) return std::to_string(whole) + " s";
  const long minutes = (whole + 30) / 60;
  if (minutes < 90) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

std::string plain(double value) {
  if (std::isnan(value)) return "-";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), std::abs(value) >= 1000 ? "%.0f" : "%.4g", value);
  return text.data();
}

std::string plain_seconds(double value) {
  const double whole_ms = std::round(value * 1000);
  return std::fmod(whole_ms, 1000) == 0 ? plain(whole_ms / 1000) + "s" : plain(whole_ms) + "ms";
}

std::string shell_word(std::string_view word) {
  constexpr std::string_view kHarmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
  if (!word.empty() && word.find_first_not_of(kHarmless) == std::string_view::npos) return std::string{word};
  std::string out = "'";
  for (const char c : word) c == '\'' ? out.append("'\\''") : out.append(1, c);
  return out + "'";
}

std::string bytes(double value) {
  for (const char* unit : {" B", " kB", " MB", " GB"}) {
    if (value < 999.5) return number(value) + unit;
    value /= 1000;
  }
  return number(value) + " TB";
}

std::string counted(std::uint64_t value, std::string_view noun) {
  return count(value) + " " + std::string{noun} + (value == 1 ? "" : "s");
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1 = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1) ++i;
    out += c < 0x20 || c == 0x7F || c1 ? '?' : text[i];
  }
  return out;
}

std::size_t columns(std::string_view text) noexcept {
  std::size_t width = 0;
  for (const char c : text)
    if (!continues(c)) ++width;
  return width;
}

std::string fitted(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string{text};
  std::size_t used = 0, end = 0;
  while (end < text.size() && (continues(text[end]) || used + 1 < width)) {
    if (!continues(text[end])) ++used;
    ++end;
  }
  return std::string{text.substr(0, end)} + "…";
}

}  // namespace sluice::loadgen::report
