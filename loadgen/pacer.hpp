#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/profile.hpp"
#include "loadgen/random.hpp"

/// When the next client comes.
namespace sluice::loadgen {

enum class Arrivals { poisson, deterministic };

/// Planned starts, since the run began, never decreasing. Pure: it does not wait. A Poisson process of
/// varying rate is made by inverting the expected number of arrivals (Cinlar 1975); a deterministic one meets
/// that number exactly.
class Pacer {
 public:
  Pacer(Profile profile, Arrivals arrivals, std::uint64_t seed);
  /// Replays recorded planned starts, seconds, ascending.
  explicit Pacer(std::vector<double> recorded);

  /// None when the profile or the recording has ended.
  std::optional<std::chrono::nanoseconds> next();

 private:
  Profile profile_ = Profile::constant(1);
  Arrivals arrivals_ = Arrivals::deterministic;
  Random random_;
  double reached_ = 0;  // of the expected number of arrivals
  std::vector<double> recorded_;
  std::size_t index_ = 0;
};

/// Reads a recorded trace: one arrival a line, seconds since its start, ascending; blank lines and `#`
/// comments are skipped. Throws UsageError with file and line.
std::vector<double> read_arrivals(const std::string& file);

}  // namespace sluice::loadgen
