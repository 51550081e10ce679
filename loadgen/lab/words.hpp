#pragma once
#include <string>

/// Numbers as people read them.
namespace sluice::loadgen::lab {

/// "0.25", "12.34", "12346": four significant digits, no exponent from 1000 on; "-" for NaN.
std::string number_text(double value);
/// "714ms", "10s": as `run` and the server take durations.
std::string seconds_text(double seconds);
/// "45 s", "3 min", "6 h 10 min".
std::string duration_text(double seconds);

}  // namespace sluice::loadgen::lab
