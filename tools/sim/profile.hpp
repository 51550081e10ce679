#pragma once
#include <string_view>
#include <vector>

/// How many visitors come, over time.
namespace sluice::tools {

/// The words of `sluice-load --profile`: "step 10/60s, ramp 10..80/120s, spike 200/5s, hold/30s". Besides
/// visitors per second, a rate may be in multiples of the capacity: "step 0.5x/60s". Goes on with its last
/// rate.
class Profile {
 public:
  static constexpr double kRateMax = 1e7;  ///< Visitors per second.

  struct Segment {
    double begins_s = 0;
    double seconds = 0;
    double from = 0, to = 0;  ///< Visitors per second.
  };

  static Profile constant(double rate);
  /// `capacity`: visitors per second that "1x" stands for. Throws UsageError.
  static Profile parse(std::string_view text, double capacity);

  double rate_at(double t) const noexcept;
  double peak() const noexcept;
  double length_s() const noexcept { return segments_.back().begins_s + segments_.back().seconds; }
  const std::vector<Segment>& segments() const noexcept { return segments_; }

 private:
  std::vector<Segment> segments_;
};

}  // namespace sluice::tools
