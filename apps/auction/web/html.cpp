#include "apps/auction/web/html.hpp"

#include <array>

namespace sluice::auction::web {

namespace {

constexpr std::string_view kErrorMarker = "ERROR";
constexpr std::string_view kEmptyMarker = "Sorry";

bool is_marker(std::string_view text) noexcept {
  return text.starts_with(kErrorMarker) || text.starts_with(kEmptyMarker);
}

/// What `text.front()` has to be written as; empty: as it is.
std::string_view replacement(std::string_view text) noexcept {
  switch (text.front()) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    case '=': return "&#61;";
    case 'E': return is_marker(text) ? "&#69;" : "";
    case 'S': return is_marker(text) ? "&#83;" : "";
    case '\t':
    case '\n':
    case '\r': return "";
    default: return static_cast<unsigned char>(text.front()) < 0x20 || text.front() == 0x7f ? " " : "";
  }
}

/// Which bytes replacement() has to look at.
constexpr auto kMayNeedReplacement = [] {
  std::array<bool, 256> may{};
  for (std::size_t byte = 0; byte < 0x20; ++byte) may[byte] = true;
  for (const unsigned char byte : {'&', '<', '>', '"', '\'', '=', 'E', 'S', '\x7f'}) may[byte] = true;
  return may;
}();

bool is_unreserved(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '*';
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  std::size_t plain_from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!kMayNeedReplacement[static_cast<unsigned char>(text[i])]) continue;
    const std::string_view instead = replacement(text.substr(i));
    if (instead.empty()) continue;
    out.append(text, plain_from, i - plain_from);
    out.append(instead);
    plain_from = i + 1;
  }
  out.append(text, plain_from);
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  append_escaped(out, text);
  return out;
}

std::string url_encoded(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ') {
      out += '+';
    } else if (is_unreserved(c) && !is_marker(text.substr(i))) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace sluice::auction::web
