#include "loadgen/lab/words.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace sluice::loadgen::lab {

std::string number_text(double value) {
  if (std::isnan(value)) return "-";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), std::abs(value) >= 1000 ? "%.0f" : "%.4g", value);
  return text.data();
}

std::string seconds_text(double seconds) {
  const double ms = std::round(seconds * 1000);
  return std::fmod(ms, 1000) == 0 ? number_text(ms / 1000) + "s" : number_text(ms) + "ms";
}

std::string duration_text(double seconds) {
  const long whole = std::lround(seconds);
  if (whole < 90) return std::to_string(whole) + " s";
  const long minutes = (whole + 30) / 60;
  if (minutes < 90) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

}  // namespace sluice::loadgen::lab
