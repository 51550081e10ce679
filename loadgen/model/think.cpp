#include "loadgen/model/think.hpp"

#include <algorithm>
#include <cmath>

#include "loadgen/error.hpp"
#include "loadgen/profile.hpp"
#include "loadgen/words.hpp"

namespace sluice::loadgen {

namespace {

constexpr double kLongest = 24 * 3600;
constexpr double kScaleMax = 1000;

[[noreturn]] void refuse(std::string_view text) {
  throw UsageError("think time '" + std::string{text.substr(0, 80)} +
                   "' is none of exp:7s, exp:7s,max=30s, const:1s, table, table:0.1, 0 (at most 24 hours)");
}

double seconds_of(std::string_view duration, std::string_view text) {
  const auto seconds = parse_duration(duration);
  if (!seconds || *seconds > kLongest) refuse(text);
  return *seconds;
}

std::string in_seconds(double seconds) { return typed(seconds) + "s"; }

std::chrono::nanoseconds nanoseconds_of(double seconds) noexcept {
  return std::chrono::nanoseconds{std::llround(seconds * 1e9)};
}

}  // namespace

Think Think::parse(std::string_view text) {
  if (text.starts_with("exp:")) return parse_exponential(text.substr(4), text);
  Think think;
  think.text_ = text;
  if (text == "0") return think;
  if (text.starts_with("const:")) {
    think.value_ = seconds_of(text.substr(6), text);
    return think;
  }
  if (text != "table" && !text.starts_with("table:")) refuse(text);
  think.kind_ = Kind::table;
  think.value_ = 1;
  if (text == "table") return think;
  const auto factor = text.substr(6);
  const auto value = parse_duration(factor);  // a plain decimal reads like seconds without a unit
  if (!value || factor.find_first_not_of("0123456789.") != std::string_view::npos || *value > kScaleMax)
    refuse(text);
  think.value_ = *value;
  return think;
}

Think Think::parse_exponential(std::string_view parameters, std::string_view text) {
  constexpr std::string_view kMax = ",max=";
  const auto comma = parameters.find(kMax);
  Think think;
  think.kind_ = Kind::exponential;
  think.value_ = seconds_of(parameters.substr(0, comma), text);
  think.max_ = comma == std::string_view::npos ? std::min(10 * think.value_, kLongest)
                                               : seconds_of(parameters.substr(comma + kMax.size()), text);
  if (think.value_ == 0 || think.max_ == 0) refuse(text);
  think.text_ = "exp:" + in_seconds(think.value_) + ",max=" + in_seconds(think.max_);
  return think;
}

std::chrono::nanoseconds Think::draw(std::chrono::milliseconds table, Random& random) const noexcept {
  switch (kind_) {
    case Kind::exponential: return nanoseconds_of(std::min(max_, value_ * random.exponential()));
    case Kind::constant: return nanoseconds_of(value_);
    case Kind::table: break;
  }
  return nanoseconds_of(value_ * static_cast<double>(table.count()) / 1e3);
}

}  // namespace sluice::loadgen
