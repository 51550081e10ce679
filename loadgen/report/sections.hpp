#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/result.hpp"

/// What a report says, before it is laid out as text or HTML. Pure.
namespace sluice::loadgen::report {

/// The first column names the row; the others are figures.
struct Table {
  std::string title;
  std::string note;                  ///< What the figures are of, or empty.
  std::vector<std::string> columns;  ///< Empty: names and values, without a head.
  std::vector<std::vector<std::string>> rows;
  bool detail = false;  ///< Long, for those who look for it: not in the text.
};

/// One of the few figures that matter most.
struct KeyFigure {
  std::string value, unit, name, note;
};

std::string_view verdict_word(Verdict::Kind kind) noexcept;  ///< "VALID", ...
/// What the verdict means, in a sentence.
std::string_view verdict_meaning(Verdict::Kind kind) noexcept;
/// Reasons, and how many limits were missed.
std::vector<std::string> verdict_lines(const Result& result);

std::vector<KeyFigure> key_figures(const Result& result);
/// In the order in which a person reads them; none is empty. Strings of the result are as they came: whoever
/// lays them out has to escape them.
std::vector<Table> tables(const Result& result);

/// Whether the run was about sessions, requests or handshakes.
enum class Unit { session, request, handshake };
Unit unit_of(const Result& result) noexcept;

}  // namespace sluice::loadgen::report
