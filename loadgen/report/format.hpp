#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/histogram.hpp"

/// Numbers and words as people read them, and some as programs do. Pure.
namespace sluice::loadgen::report {

/// "1,234,567"
std::string count(std::uint64_t value);
/// Three digits that say something, no exponent: "0.42", "39.9", "1,234", "0" and "-" for what is no number.
std::string number(double value);
/// Four digits, for values that are compared: "0.6999", "39.94", "12,345".
std::string precise(double value);
/// For columns of rates, with the point below the point: "0.4", "39.9", "200.0", "1,234".
std::string per_second(double value);
/// "97.3 %"; "-" of nothing.
std::string percent(std::uint64_t part, std::uint64_t whole);
std::string percent(double share);
/// Milliseconds without their unit, for columns: "0.234", "12.3", "1,234".
std::string ms(Histogram::Duration value);
/// The same as a number.
double milliseconds(Histogram::Duration value) noexcept;
/// "250 ms", "12 s", "5 min", "1 h 30 min"
std::string seconds(double value);
/// For what is not to be exact: "45 s", "3 min", "6 h 10 min".
std::string about(double seconds);

/// As programs read it, `run` and the server among them, and as it stands in names: "0.25", "12.34", "12346".
/// Four significant digits, no exponent from 1000 on; "-" for NaN.
std::string plain(double value);
/// A duration likewise: "714ms", "10s".
std::string plain_seconds(double value);
/// A word of a command as a shell reads it: in quotes where it needs them.
std::string shell_word(std::string_view word);
/// "217 MB", decimal units.
std::string bytes(double value);
/// "1 session", "2 sessions"
std::string counted(std::uint64_t value, std::string_view noun);

/// For a terminal: control characters, also those of C1, become '?'. A result may come from anywhere.
std::string printable(std::string_view text);
/// Columns that UTF-8 text of single-width characters takes.
std::size_t columns(std::string_view text) noexcept;
/// At most `width` columns, cut with "…".
std::string fitted(std::string_view text, std::size_t width);

}  // namespace sluice::loadgen::report
