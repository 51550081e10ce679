#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "base/random.hpp"

/// How long a person looks at a page.
namespace sluice::loadgen {

/// "exp:7s" (negative exponential, cut at ten times its mean as in TPC-W, or "exp:7s,max=30s"), "const:1s",
/// "table" or "table:0.1" (the model's waiting times, scaled), "0". No time is above 24 hours. Immutable.
class Think {
 public:
  /// Throws UsageError.
  static Think parse(std::string_view text);

  std::chrono::nanoseconds draw(std::chrono::milliseconds table, Random& random) const noexcept;
  bool zero() const noexcept { return kind_ == Kind::constant && value_ == 0; }
  /// As parsed; an exponential one always with its cut: "exp:7s,max=70s".
  const std::string& text() const noexcept { return text_; }

 private:
  enum class Kind { exponential, constant, table };
  Think() = default;
  static Think parse_exponential(std::string_view parameters, std::string_view text);

  Kind kind_ = Kind::constant;
  double value_ = 0;  // seconds, or the factor of the table
  double max_ = 0;    // seconds; exponential only
  std::string text_;
};

}  // namespace sluice::loadgen
