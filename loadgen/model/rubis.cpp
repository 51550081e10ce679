#include "loadgen/model/rubis.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "embedded/sluice_load_model.hpp"

namespace sluice::loadgen {

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines.emplace_back(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (end == std::string_view::npos) break;
  }
  return lines;
}

}  // namespace

std::optional<Interaction> interaction_of(std::string_view name) noexcept {
  if (name == "StoreBuyBow") name = "StoreBuyNow";
  if (name == "AboutMe (auth form)") name = "AboutMeAuth";
  const auto found = std::find(kInteractionNames.begin(), kInteractionNames.end(), name);
  if (found == kInteractionNames.end()) return std::nullopt;
  return static_cast<Interaction>(found - kInteractionNames.begin());
}

std::string java_float(float value) {
  char text[64];
  const float magnitude = std::abs(value);
  if (magnitude == 0) return "0.0";
  if (magnitude >= 1e-3F && magnitude < 1e7F) {
    const auto end = std::to_chars(text, std::end(text), value, std::chars_format::fixed).ptr;
    std::string number{text, end};
    return number.find('.') == std::string::npos ? number + ".0" : number;
  }
  const auto end = std::to_chars(text, std::end(text), value, std::chars_format::scientific).ptr;
  const std::string_view number{text, static_cast<std::size_t>(end - text)};  // "1.5e+07"
  const auto e = number.find('e');
  if (e == std::string_view::npos) return std::string{number};  // infinite
  auto exponent = number.substr(e + 2);
  exponent.remove_prefix(std::min(exponent.find_first_not_of('0'), exponent.size() - 1));
  std::string result{number.substr(0, e)};
  if (result.find('.') == std::string::npos) result += ".0";
  return (result += 'E').append(1, number[e + 1]).append(exponent);
}

std::string java_url_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string result;
  result.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '*' || c == '_') {
      result += c;
    } else if (c == ' ') {
      result += '+';
    } else {
      result += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return result;
}

const std::vector<std::string>& regions() {
  static const std::vector<std::string> all = lines_of(embedded::rubis_regions_txt);
  return all;
}

}  // namespace sluice::loadgen
