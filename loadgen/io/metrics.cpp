#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "loadgen/io/scrape.hpp"

// The page's text form; what the samples mean is in server_view.cpp.
namespace sluice::loadgen {
namespace {

constexpr std::string_view kBlanks = " \t";

bool name_byte(char c, bool first) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
         (!first && c >= '0' && c <= '9');
}

/// Length of `name` or `name{...}` at the front of `line`; 0 when there is none. Braces, blanks and escaped
/// quotes within a label's value are part of it.
std::size_t sample_name_length(std::string_view line) noexcept {
  std::size_t end = 0;
  while (end < line.size() && name_byte(line[end], end == 0)) ++end;
  if (end == 0 || end == line.size() || line[end] != '{') return end;
  bool quoted = false;
  for (++end; end < line.size(); ++end) {
    const char c = line[end];
    if (quoted && c == '\\') {
      ++end;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == '}' && !quoted) {
      return end + 1;
    }
  }
  return 0;
}

/// The number at the front of `text`; a timestamp may follow.
std::optional<double> number(std::string_view text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  if (end != text.data() + text.size() && kBlanks.find(*end) == std::string_view::npos) return std::nullopt;
  return value;
}

void read_line(std::string_view line, Samples& samples) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::size_t length = sample_name_length(line);
  if (length == 0 || length > kSampleNameMax || length == line.size()) return;
  if (line[length - 1] != '}' && kBlanks.find(line[length]) == std::string_view::npos) return;
  if (const auto value = number(line.substr(length)))
    samples.insert_or_assign(std::string(line.substr(0, length)), *value);
}

}  // namespace

Samples parse_metrics(std::string_view text) {
  Samples samples;
  for (std::size_t line = 0; line < kMetricLinesMax && !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view content = text.substr(0, end);
    if (content.ends_with('\r')) content.remove_suffix(1);
    read_line(content, samples);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return samples;
}

}  // namespace sluice::loadgen
