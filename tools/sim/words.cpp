#include "tools/sim/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace sluice::tools {

namespace {

constexpr double kLongest_s = 7 * 24 * 3600;
constexpr double kRequestsMax = 1e6;

[[noreturn]] void refuse(std::string_view text, std::string_view option, std::string_view expected) {
  throw UsageError(std::string(option) + " '" + std::string(text.substr(0, 80)) +
                   "': " + std::string(expected));
}

}  // namespace

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<double> parse_number(std::string_view text) noexcept {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) || value < 0)
    return std::nullopt;
  return value;
}

std::optional<double> parse_duration(std::string_view text) noexcept {
  constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{
      {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"", 1}}};
  const auto digits = text.substr(0, text.find_first_not_of("0123456789."));
  const auto number = parse_number(digits);
  for (const auto& [unit, seconds] : kUnits) {
    if (number && text.substr(digits.size()) == unit) return *number * seconds;
  }
  return std::nullopt;
}

double duration_or_throw(std::string_view text, std::string_view option) {
  const auto seconds = parse_duration(text);
  if (!seconds || *seconds > kLongest_s) refuse(text, option, "a duration looks like 30us, 0.5ms, 10s or 2m");
  return *seconds;
}

double Distribution::draw(Random& random) const noexcept {
  if (shape == Shape::constant) return mean_s;
  if (shape == Shape::exponential) return mean_s * random.exponential();
  const double variance = std::log1p(deviation * deviation);
  return mean_s * std::exp(std::sqrt(variance) * random.normal() - variance / 2);
}

double Distribution::above(double limit_s) const noexcept {
  if (mean_s <= 0) return 0;
  if (shape == Shape::constant) return mean_s > limit_s ? 1 : 0;
  if (shape == Shape::exponential) return std::exp(-limit_s / mean_s);
  const double variance = std::log1p(deviation * deviation);
  const double z = (std::log(std::max(limit_s, 1e-12) / mean_s) + variance / 2) / std::sqrt(variance);
  return std::erfc(z / std::sqrt(2.0)) / 2;
}

Distribution Distribution::parse(std::string_view text, std::string_view option) {
  constexpr std::string_view kExpected = "is none of exp:7s, const:1s, lognormal:2ms,cv=3, 250us";
  const auto colon = text.find(':');
  const auto word = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  auto rest = colon == std::string_view::npos ? text : text.substr(colon + 1);
  Distribution distribution;
  if (word == "exp") distribution.shape = Shape::exponential;
  if (word == "lognormal") {
    distribution.shape = Shape::lognormal;
    if (const auto cv = rest.find(",cv="); cv != std::string_view::npos) {
      const auto value = parse_number(rest.substr(cv + 4));
      if (!value || *value <= 0 || *value > 100) refuse(text, option, kExpected);
      distribution.deviation = *value;
      rest = rest.substr(0, cv);
    }
  } else if (word != "exp" && word != "const" && !word.empty()) {
    refuse(text, option, kExpected);
  }
  const auto mean = parse_duration(rest);
  if (!mean || *mean > kLongest_s) refuse(text, option, kExpected);
  distribution.mean_s = *mean;
  return distribution;
}

std::uint32_t Count::draw(Random& random) const noexcept {
  if (!geometric || mean <= 1) return static_cast<std::uint32_t>(std::lround(mean));
  const double stay = 1 - 1 / mean;
  return 1 + static_cast<std::uint32_t>(
                 std::min(kRequestsMax, std::floor(-random.exponential() / std::log(stay))));
}

Count Count::parse(std::string_view text, std::string_view option) {
  Count count;
  count.geometric = text.starts_with("geom:");
  const auto mean = parse_number(count.geometric ? text.substr(5) : text);
  if (!mean || *mean < 1 || *mean > kRequestsMax || (!count.geometric && *mean != std::floor(*mean)))
    refuse(text, option, "is neither a number of requests, as 15, nor geom:15");
  count.mean = *mean;
  return count;
}

Change Change::parse(std::string_view text, std::string_view option) {
  const auto at = text.find('@');
  const auto value = parse_number(text.substr(0, at));
  const auto when = at == std::string_view::npos ? std::nullopt : parse_duration(text.substr(at + 1));
  if (!value || *value <= 0 || !when || *when > kLongest_s) refuse(text, option, "looks like 4@150s");
  return {*value, *when};
}

}  // namespace sluice::tools
