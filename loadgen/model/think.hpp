#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "loadgen/random.hpp"

/// How long a person looks at a page.
namespace sluice::loadgen {

/// "exp:7s" (negative exponential, cut at ten times its mean, or "exp:7s,max=30s"), "const:1s", "table" or
/// "table:0.1" (the model's waiting times, scaled), "0". Immutable.
class Think {
 public:
  /// Throws UsageError.
  static Think parse(std::string_view text);

  std::chrono::nanoseconds draw(std::chrono::milliseconds table, Random& random) const noexcept;
  bool zero() const noexcept { return kind_ == Kind::constant && value_ == 0; }
  const std::string& text() const noexcept { return text_; }

 private:
  enum class Kind { exponential, constant, table };
  Kind kind_ = Kind::exponential;
  double value_ = 7;  // seconds, or the factor of the table
  double max_ = 70;   // seconds
  std::string text_ = "exp:7s,max=70s";
};

}  // namespace sluice::loadgen
