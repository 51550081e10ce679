#pragma once
#include <cstddef>
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

  static constexpr double kRateMax = 1e6;              ///< Clients per second.
  static constexpr double kLengthMax = 7 * 24 * 3600;  ///< Seconds.
  static constexpr std::size_t kSegmentsMax = 1000;

  /// A constant rate without end. Throws UsageError unless it is above 0 and at most `kRateMax`.
  static Profile constant(double rate);
  /// "step 10/60s, ramp 10..80/120s, spike 200/5s, hold/30s": one after the other. A spike is a step
  /// that `hold` looks behind: it goes on with the rate that was in force before it, or at the end of a
  /// ramp, and is a step in `segments()`. Durations as in `parse_duration`. Throws UsageError with a sentence
  /// that quotes the segment; a profile without a single client is one of the errors.
  static Profile parse(std::string_view text);

  /// Clients per second at `t`; 0 before the start and from the end on.
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
  Profile() = default;
  void append(const Segment& segment);
  /// Index of the segment that `t` is in; `segments_.size()` when there is none.
  std::size_t segment_at(double t) const noexcept;

  std::vector<Segment> segments_;
  std::vector<double> ends_;      // seconds since the start
  std::vector<double> arrivals_;  // expected until the end of each segment
  bool endless_ = false;          // constant(): one segment of infinite length
};

/// "10s", "250ms", "2m", "1h", "1.5" (seconds) -> seconds; none when it is not a duration, or negative. No
/// exponents, signs or blanks.
std::optional<double> parse_duration(std::string_view text) noexcept;

}  // namespace sluice::loadgen
