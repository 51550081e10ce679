#include "tools/sim/profile.hpp"

#include <algorithm>
#include <optional>

#include "tools/sim/words.hpp"

namespace sluice::tools {

namespace {

constexpr std::size_t kSegmentsMax = 1000;

[[noreturn]] void refuse(std::string_view segment, std::string_view why) {
  throw UsageError("profile segment '" + std::string(segment.substr(0, 80)) + "': " + std::string(why));
}

double parse_rate(std::string_view text, double capacity, std::string_view segment) {
  const bool relative = text.ends_with('x');
  const auto value = parse_number(trimmed(relative ? text.substr(0, text.size() - 1) : text));
  if (!value) refuse(segment, "a rate looks like 10 (visitors per second) or 2x (times the capacity)");
  const double rate = *value * (relative ? capacity : 1);
  if (rate > Profile::kRateMax) refuse(segment, "a rate is at most 10000000 visitors per second");
  return rate;
}

/// `held`: the rate that `hold` goes on with, none at the start.
Profile::Segment parse_segment(std::string_view segment, double capacity, std::optional<double> held) {
  const auto slash = segment.rfind('/');
  const auto seconds =
      slash == std::string_view::npos ? std::nullopt : parse_duration(trimmed(segment.substr(slash + 1)));
  if (!seconds || *seconds <= 0) refuse(segment, "needs a duration after a slash, as in 'step 10/60s'");
  const auto what = trimmed(segment.substr(0, slash));
  const auto word = what.substr(0, what.find_first_of(" \t"));
  const auto rest = trimmed(what.substr(word.size()));
  Profile::Segment parsed{.seconds = *seconds};
  if (word == "hold") {
    if (!held || !rest.empty()) refuse(segment, "hold goes on with the rate before it, as in 'hold/30s'");
    parsed.from = parsed.to = *held;
  } else if (word == "ramp") {
    const auto dots = rest.find("..");
    if (dots == std::string_view::npos) refuse(segment, "a ramp needs two rates, as in 'ramp 10..80/120s'");
    parsed.from = parse_rate(trimmed(rest.substr(0, dots)), capacity, segment);
    parsed.to = parse_rate(trimmed(rest.substr(dots + 2)), capacity, segment);
  } else if (word == "step" || word == "spike") {
    parsed.from = parsed.to = parse_rate(rest, capacity, segment);
  } else {
    refuse(segment, "begins with none of step, ramp, spike, hold");
  }
  return parsed;
}

}  // namespace

Profile Profile::constant(double rate) {
  Profile profile;
  profile.segments_.push_back({.from = rate, .to = rate});
  return profile;
}

Profile Profile::parse(std::string_view text, double capacity) {
  Profile profile;
  std::optional<double> held;
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    more = comma != std::string_view::npos;
    const auto part = trimmed(text.substr(0, comma));
    text.remove_prefix(more ? comma + 1 : text.size());
    Segment segment = parse_segment(part, capacity, held);
    if (!part.starts_with("spike")) held = segment.to;
    segment.begins_s = profile.segments_.empty() ? 0 : profile.length_s();
    profile.segments_.push_back(segment);
    if (profile.segments_.size() > kSegmentsMax) refuse(part, "a profile has at most 1000 segments");
  }
  return profile;
}

double Profile::rate_at(double t) const noexcept {
  const auto after = std::ranges::upper_bound(segments_, t, {}, &Segment::begins_s);
  const Segment& segment = after == segments_.begin() ? segments_.front() : *(after - 1);
  if (segment.from == segment.to || segment.seconds <= 0) return segment.to;
  return segment.from +
         (segment.to - segment.from) * std::clamp((t - segment.begins_s) / segment.seconds, 0.0, 1.0);
}

double Profile::peak() const noexcept {
  double peak = 0;
  for (const Segment& segment : segments_) peak = std::max({peak, segment.from, segment.to});
  return peak;
}

}  // namespace sluice::tools
