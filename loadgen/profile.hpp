#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How many new clients per second, over time.
namespace sluice::loadgen {

/// A rate over time, piecewise linear: what `--rate` and `--profile` say. Pure.
class Profile {
 public:
  enum class Shape { step, ramp, spike };
  struct Segment {
    Shape shape = Shape::step;
    double from = 0, to = 0;  ///< Clients per second at its start and end; equal but for a ramp.
    double seconds = 0;
  };

  /// A constant rate without end.
  static Profile constant(double rate);
  /// "step 10/60s, ramp 10..80/120s, spike 200/5s, hold/30s": one after the other. A spike is a step that
  /// reports mark as one; hold goes on with the rate that was in force before a spike, or at the end of a
  /// ramp. Durations: ms, s, m, h. Throws UsageError with a sentence that quotes the segment.
  static Profile parse(std::string_view text);

  double rate_at(double t) const noexcept;
  /// Expected arrivals in [0, t].
  double arrivals_until(double t) const noexcept;
  /// The time at which the expected number of arrivals reaches `n`; none when it never does.
  std::optional<double> time_of(double n) const noexcept;
  /// Length of all segments; none for a rate without end.
  std::optional<double> length() const noexcept;
  double peak() const noexcept;
  const std::vector<Segment>& segments() const noexcept { return segments_; }

 private:
  std::vector<Segment> segments_;  // the last one goes on for ever when endless_
  bool endless_ = false;
};

/// "10s", "250ms", "2m", "1h", "1.5" (seconds) -> seconds; none when it is not a duration, or negative.
std::optional<double> parse_duration(std::string_view text) noexcept;

}  // namespace sluice::loadgen
