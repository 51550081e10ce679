#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// The few lexical rules of HTTP that several files need (RFC 9110 section 5.6). ASCII only, no locale.
namespace sluice::http {

constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

/// 0 to 15, or -1.
constexpr int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// tchar of RFC 9110 section 5.6.2.
constexpr bool is_token_char(char c) noexcept {
  constexpr auto kTable = [] {
    std::array<bool, 256> table{};
    for (const char set : std::string_view{"!#$%&'*+-.^_`|~0123456789"})
      table[static_cast<unsigned char>(set)] = true;
    for (char letter = 'a'; letter <= 'z'; ++letter) {
      table[static_cast<unsigned char>(letter)] = true;
      table[static_cast<unsigned char>(letter - 'a' + 'A')] = true;
    }
    return table;
  }();
  return kTable[static_cast<unsigned char>(c)];
}

constexpr bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

/// What may stand in a field value: VCHAR, blank and obs-text (RFC 9110 section 5.5).
constexpr bool is_value_char(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

constexpr bool equal_without_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

/// Without optional white space around it.
constexpr std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Cuts the element before the first `separator` off the front of `rest`, and the separator with it.
constexpr std::string_view next_element(std::string_view& rest, char separator) noexcept {
  const std::size_t end = rest.find(separator);
  const std::string_view element = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return element;
}

/// 1*DIGIT that fits; `nullopt` for anything else, a sign included.
constexpr std::optional<std::uint64_t> parse_decimal(std::string_view digits) noexcept {
  if (digits.empty() || digits.size() > 19) return std::nullopt;  // 19 digits always fit
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

}  // namespace sluice::http
