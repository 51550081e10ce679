#include "loadgen/profile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "loadgen/error.hpp"
#include "loadgen/words.hpp"

namespace sluice::loadgen {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

/// Digits with at most one point: no sign, no exponent.
std::optional<double> parse_decimal(std::string_view text) noexcept {
  return text.find_first_not_of("0123456789.") == std::string_view::npos ? parse_number(text) : std::nullopt;
}

[[noreturn]] void refuse(std::string_view segment, const std::string& why) {
  constexpr std::size_t kQuotedMax = 80;
  std::string quoted{segment.substr(0, kQuotedMax)};
  if (segment.size() > kQuotedMax) quoted += "...";
  throw UsageError("profile segment '" + quoted + "': " + why);
}

double parse_rate(std::string_view text, std::string_view segment) {
  const auto rate = parse_decimal(trimmed(text));
  if (!rate) refuse(segment, "'" + std::string{trimmed(text)} + "' is not a rate in clients per second");
  if (*rate > Profile::kRateMax) refuse(segment, "a rate is at most 1000000 clients per second");
  return *rate;
}

/// `in_force`: the rate that `hold` goes on with, none at the start.
Profile::Segment parse_segment(std::string_view segment, std::optional<double> in_force) {
  using Shape = Profile::Shape;
  const auto slash = segment.rfind('/');
  if (slash == std::string_view::npos) refuse(segment, "needs a duration after a slash, as in 'step 10/60s'");
  const auto seconds = parse_duration(trimmed(segment.substr(slash + 1)));
  if (!seconds || *seconds == 0) refuse(segment, "needs a duration above zero, as in 'step 10/60s'");

  const auto what = trimmed(segment.substr(0, slash));
  const auto word = what.substr(0, what.find_first_of(kBlanks));
  const auto rest = trimmed(what.substr(word.size()));
  if (word == "hold") {
    if (!rest.empty()) refuse(segment, "hold takes no rate, as in 'hold/30s'");
    if (!in_force) refuse(segment, "nothing comes before it that could be held");
    return {Shape::step, *in_force, *in_force, *seconds};
  }
  if (word == "ramp") {
    const auto dots = rest.find("..");
    if (dots == std::string_view::npos) refuse(segment, "a ramp needs two rates, as in 'ramp 10..80/120s'");
    return {Shape::ramp, parse_rate(rest.substr(0, dots), segment),
            parse_rate(rest.substr(dots + 2), segment), *seconds};
  }
  if (word != "step" && word != "spike") refuse(segment, "begins with none of step, ramp, spike, hold");
  const double rate = parse_rate(rest, segment);
  return {word == "step" ? Shape::step : Shape::spike, rate, rate, *seconds};
}

/// Expected arrivals in the first `t` seconds of a segment.
double area(const Profile::Segment& segment, double t) noexcept {
  if (segment.from == segment.to) return segment.from * t;
  return t * (segment.from + (segment.to - segment.from) / segment.seconds * t / 2);
}

/// The inverse of `area`: the root of a quadratic, in the form that doesn't cancel and that needs no special
/// case for a constant rate.
double time_of_area(const Profile::Segment& segment, double n) noexcept {
  const double slope = segment.from == segment.to ? 0 : (segment.to - segment.from) / segment.seconds;
  const double root = std::sqrt(std::max(0.0, segment.from * segment.from + 2 * slope * n));
  return std::min(segment.seconds, 2 * n / (segment.from + root));
}

}  // namespace

Profile Profile::constant(double rate) {
  if (!(rate > 0 && rate <= kRateMax))
    throw UsageError("a rate is above 0 and at most 1000000 clients per second");
  Profile profile;
  profile.endless_ = true;
  profile.append({Shape::step, rate, rate, std::numeric_limits<double>::infinity()});
  return profile;
}

Profile Profile::parse(std::string_view text) {
  Profile profile;
  std::optional<double> in_force;
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    more = comma != std::string_view::npos;
    const auto part = trimmed(text.substr(0, comma));
    text.remove_prefix(more ? comma + 1 : text.size());
    if (part.empty()) refuse(part, "is empty; a profile reads like 'step 10/60s, ramp 10..80/120s'");
    const auto segment = parse_segment(part, in_force);
    if (segment.shape != Shape::spike) in_force = segment.to;
    profile.append(segment);
    if (profile.ends_.back() > kLengthMax) refuse(part, "the profile is longer than 7 days");
    if (profile.segments_.size() > kSegmentsMax) refuse(part, "a profile has at most 1000 segments");
  }
  if (profile.peak() == 0) throw UsageError("this profile has no clients: all its rates are 0");
  return profile;
}

void Profile::append(const Segment& segment) {
  ends_.push_back((ends_.empty() ? 0 : ends_.back()) + segment.seconds);
  arrivals_.push_back((arrivals_.empty() ? 0 : arrivals_.back()) + area(segment, segment.seconds));
  segments_.push_back(segment);
}

std::size_t Profile::segment_at(double t) const noexcept {
  return static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), t) - ends_.begin());
}

double Profile::rate_at(double t) const noexcept {
  const auto index = segment_at(t);
  if (!(t >= 0) || index == segments_.size()) return 0;
  const Segment& segment = segments_[index];
  if (segment.from == segment.to) return segment.from;
  const double inside = t - (ends_[index] - segment.seconds);
  return segment.from + (segment.to - segment.from) * (inside / segment.seconds);
}

double Profile::arrivals_until(double t) const noexcept {
  if (!(t > 0)) return 0;
  if (endless_) return segments_.front().from * t;
  const auto index = segment_at(t);
  if (index == segments_.size()) return arrivals_.back();
  const double before = index == 0 ? 0 : arrivals_[index - 1];
  const double start = index == 0 ? 0 : ends_[index - 1];
  return before + area(segments_[index], t - start);
}

std::optional<double> Profile::time_of(double n) const noexcept {
  if (!(n > 0)) return 0;
  if (endless_) return n / segments_.front().from;
  const auto found = std::lower_bound(arrivals_.begin(), arrivals_.end(), n);
  if (found == arrivals_.end()) return std::nullopt;
  const auto index = static_cast<std::size_t>(found - arrivals_.begin());
  const double before = index == 0 ? 0 : arrivals_[index - 1];
  const double start = index == 0 ? 0 : ends_[index - 1];
  return start + time_of_area(segments_[index], n - before);
}

std::optional<double> Profile::length() const noexcept {
  if (endless_) return std::nullopt;
  return ends_.back();
}

double Profile::peak() const noexcept {
  double peak = 0;
  for (const auto& segment : segments_) peak = std::max({peak, segment.from, segment.to});
  return peak;
}

std::optional<double> parse_duration(std::string_view text) noexcept {
  const auto digits = text.substr(0, text.find_first_not_of("0123456789."));
  const auto unit = text.substr(digits.size());
  const auto number = parse_decimal(digits);
  if (!number) return std::nullopt;
  if (unit == "ms") return *number / 1000;
  if (unit == "m") return *number * 60;
  if (unit == "h") return *number * 3600;
  if (unit == "s" || unit.empty()) return *number;
  return std::nullopt;
}

}  // namespace sluice::loadgen
