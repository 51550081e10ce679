#include "apps/auction/web/numbers.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "apps/auction/store/rules.hpp"

namespace sluice::auction::web {

namespace {

bool all_digits(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::int64_t value_of(std::string_view digits) noexcept {
  std::int64_t value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

std::string_view without_blanks(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 18 || !all_digits(text)) return std::nullopt;
  return negative ? -value_of(text) : value_of(text);
}

std::optional<Cents> parse_amount(std::string_view text) noexcept {
  text = without_blanks(text);
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  if (whole.empty() || whole.size() > 15 || !all_digits(whole)) return std::nullopt;
  std::int64_t cents = value_of(whole) * 100;
  if (dot != std::string_view::npos) {
    const std::string_view fraction = text.substr(dot + 1);
    if (fraction.empty() || fraction.size() > 2 || !all_digits(fraction)) return std::nullopt;
    cents += value_of(fraction) * (fraction.size() == 1 ? 10 : 1);
  }
  if (Cents{cents} > kAmountMax) return std::nullopt;
  return Cents{cents};
}

std::optional<Cents> parse_java_float(std::string_view text) noexcept {
  text = without_blanks(text);
  char number[32];
  if (text.empty() || text.size() > sizeof number) return std::nullopt;
  // from_chars takes no '+', and the one of the exponent arrives as a blank.
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool exponent_sign =
        i > 0 && (text[i - 1] == 'E' || text[i - 1] == 'e') && (text[i] == '+' || text[i] == ' ');
    if (!exponent_sign) number[length++] = text[i];
  }
  double value = 0;
  const auto [end, error] = std::from_chars(number, number + length, value);
  if (error != std::errc{} || end != number + length || !std::isfinite(value)) return std::nullopt;
  if (std::abs(value) * 100 > static_cast<double>(kAmountMax.value)) return std::nullopt;
  return Cents{std::llround(value * 100)};
}

}  // namespace sluice::auction::web
