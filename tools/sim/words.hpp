#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/random.hpp"

/// The small languages of options.
namespace sluice::tools {

/// Somebody wrote an option wrongly; the sentence quotes it.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string_view trimmed(std::string_view text) noexcept;
/// All of `text` as a number that is finite and not negative.
std::optional<double> parse_number(std::string_view text) noexcept;
/// "30us", "0.5ms", "10s", "2m", "1h", "1.5" (seconds) -> seconds.
std::optional<double> parse_duration(std::string_view text) noexcept;
/// Throws UsageError naming `option`.
double duration_or_throw(std::string_view text, std::string_view option);

/// How long something takes.
struct Distribution {
  enum class Shape { constant, exponential, lognormal };
  Shape shape = Shape::constant;
  double mean_s = 0;
  double deviation = 1;  ///< Lognormal: standard deviation over mean.

  double draw(Random& random) const noexcept;
  /// Share of the values above `limit_s`.
  double above(double limit_s) const noexcept;
  /// "exp:7s", "const:1s", "lognormal:2ms", "lognormal:2ms,cv=3", "250us". Throws UsageError.
  static Distribution parse(std::string_view text, std::string_view option);
};

/// How many requests a session makes.
struct Count {
  bool geometric = false;
  double mean = 1;  ///< At least 1.

  std::uint32_t draw(Random& random) const noexcept;
  /// "15" or "geom:15". Throws UsageError.
  static Count parse(std::string_view text, std::string_view option);
};

/// "4@150s".
struct Change {
  double value = 0;
  double at_s = 0;
  static Change parse(std::string_view text, std::string_view option);
};

}  // namespace sluice::tools
