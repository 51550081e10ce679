#pragma once
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What all series of seconds have in common, whatever a second's figures are.
namespace sluice::tools {

template <class Row>
struct Column {
  std::string_view name;
  double Row::*field;
};

/// A line of names, and one for each row; six digits.
template <class Row, std::size_t N>
std::string csv_of(const std::array<Column<Row>, N>& columns, const std::vector<Row>& rows) {
  std::string text;
  for (const auto& column : columns) text += (text.empty() ? "" : ",") + std::string(column.name);
  text += '\n';
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < N; ++i) {
      std::array<char, 32> number{};
      const auto end = std::to_chars(number.data(), number.data() + number.size(), row.*columns[i].field,
                                     std::chars_format::general, 6);
      if (i > 0) text += ',';
      text.append(number.data(), end.ptr);
    }
    text += '\n';
  }
  return text;
}

/// Cuts the seconds at `changes` (seconds, ascending); what `phase_of` makes of each part that is not empty.
template <class Row, class PhaseOf>
auto phases_at(const std::vector<Row>& rows, const std::vector<double>& changes, PhaseOf phase_of) {
  const std::span<const Row> all{rows};
  std::vector<decltype(phase_of(all))> phases;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= changes.size(); ++i) {
    const bool last = i == changes.size();
    const std::size_t to =
        last ? all.size() : std::min(all.size(), static_cast<std::size_t>(std::llround(changes[i])));
    if (to <= from) continue;
    phases.push_back(phase_of(all.subspan(from, to - from)));
    from = to;
  }
  return phases;
}

}  // namespace sluice::tools
