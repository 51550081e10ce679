#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "loadgen/profile.hpp"

/// When the next client comes.
namespace sluice::loadgen {

enum class Arrivals { poisson, deterministic };

/// Planned starts, since the run began, never decreasing. Pure: it does not wait. A Poisson process of
/// varying rate is made by inverting the expected number of arrivals (Cinlar 1975). A deterministic one
/// places its n-th arrival where that number reaches n - 0.5: each in the middle of its share of the time, so
/// that at any moment as many have come as were expected, to within half a client, and a whole number of
/// expected arrivals is met exactly.
class Pacer {
 public:
  Pacer(Profile profile, Arrivals arrivals, std::uint64_t seed);
  /// Replays recorded planned starts, seconds, ascending.
  explicit Pacer(std::vector<double> recorded);

  /// None when the profile or the recording has ended.
  std::optional<std::chrono::nanoseconds> next();

 private:
  std::optional<Profile> profile_;  // none: the recording
  Arrivals arrivals_ = Arrivals::deterministic;
  Random random_{0};
  double reached_ = 0;  // of the expected number of arrivals; Poisson only
  std::vector<double> recorded_;
  std::uint64_t index_ = 0;  // of the next arrival
};

/// Reads a recorded trace: one arrival a line, seconds since its start, never decreasing, at most a week;
/// blank lines and `#` comments are skipped. Throws UsageError with file and line; a trace without arrivals,
/// or with more than ten million, is an error.
std::vector<double> read_arrivals(const std::string& file);

}  // namespace sluice::loadgen
