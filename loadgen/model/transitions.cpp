#include "loadgen/model/transitions.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

#include "embedded/sluice_load_model.hpp"
#include "loadgen/error.hpp"
#include "loadgen/model/table_text.hpp"

namespace sluice::loadgen {

namespace {

/// The name that people read: RUBiS' spelling mistakes are mended.
std::string canonical(const std::string& name) {
  const auto interaction = interaction_of(name);
  return interaction ? std::string{kInteractionNames[static_cast<std::size_t>(*interaction)]} : name;
}

/// Visible ASCII, as it goes into a request as it is.
bool is_path(std::string_view name) noexcept {
  constexpr std::size_t kPathMax = 2048;
  return name.starts_with('/') && name.size() <= kPathMax &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::string read_file(const std::string& name) {
  constexpr std::size_t kFileMax = 4 << 20;
  std::ifstream in{name, std::ios::binary};
  std::string text(kFileMax + 1, '\0');
  if (!in || !in.read(text.data(), static_cast<std::streamsize>(text.size())).eof())
    throw UsageError("model '" + name +
                     "' is none of default, default_7, browse, browse_7, and no file that can be read" +
                     (in ? " (at most 4 MiB)" : ""));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

}  // namespace

Transitions Transitions::load(const std::string& name) {
  const std::array<std::pair<std::string_view, std::string_view>, 4> tables{
      {{"default", embedded::default_transitions_csv},
       {"default_7", embedded::default_transitions_7_csv},
       {"browse", embedded::browse_only_transitions_csv},
       {"browse_7", embedded::browse_only_transitions_7_csv}}};
  for (const auto& [known, text] : tables)
    if (name == known) return parse(text, name);
  return parse(read_file(name), name);
}

Transitions Transitions::parse(std::string_view text, const std::string& name) {
  const TableText table = read_table(text, name);
  Transitions result;
  result.name_ = name;
  for (const auto& column : table.columns)
    result.add_state(name, canonical(column.text), column.line, column.column);
  result.sums_.resize(result.size());
  result.waits_.assign(result.size(), std::chrono::milliseconds{-1});
  result.can_go_back_.assign(result.size(), false);
  for (std::size_t row = 0; row < table.rows.size(); ++row) result.add_row(table, row);
  const auto missing = std::find(result.waits_.begin(), result.waits_.end(), std::chrono::milliseconds{-1});
  if (missing != result.waits_.end()) {
    const auto state = static_cast<std::size_t>(missing - result.waits_.begin());
    refuse_table(name, table.columns[state].line, table.columns[state].column,
                 "column '" + result.names_[state] + "' has no row of that name");
  }
  return result;
}

void Transitions::add_state(const std::string& file, const std::string& name, std::size_t line,
                            std::size_t column) {
  const auto interaction = interaction_of(name);
  if (!interaction && !is_path(name))
    refuse_table(
        file, line, column,
        "'" + name.substr(0, 60) + "' is neither an interaction of RUBiS nor a path that begins with '/'");
  if (std::find(names_.begin(), names_.end(), name) != names_.end())
    refuse_table(file, line, column, "'" + name.substr(0, 60) + "' is there twice");
  names_.push_back(name);
  interactions_.push_back(interaction);
  has_interactions_ = has_interactions_ || interaction.has_value();
}

void Transitions::add_row(const TableText& table, std::size_t index) {
  const TableText::Row& row = table.rows[index];
  const auto refuse = [&](const std::string& why) {
    refuse_table(table.file, row.name.line, row.name.column,
                 "row '" + row.name.text.substr(0, 60) + "' " + why);
  };
  Choice choice{.kind = Choice::Kind::state, .state = 0, .wait = row.wait};
  if (names_end(row.name.text)) {
    choice.kind = Choice::Kind::end;
  } else if (names_back(row.name.text)) {
    const auto same = [](const Choice& other) { return other.kind == Choice::Kind::back; };
    if (std::any_of(rows_.begin(), rows_.end(), same)) refuse("is there twice");
    choice.kind = Choice::Kind::back;
    for (std::size_t from = 0; from < size(); ++from) can_go_back_[from] = row.probabilities[from] > 0;
  } else {
    const auto found = std::find(names_.begin(), names_.end(), canonical(row.name.text));
    if (found == names_.end()) refuse("has no column of that name");
    choice.state = static_cast<std::uint16_t>(found - names_.begin());
    if (waits_[choice.state] >= std::chrono::milliseconds{0}) refuse("is there twice");
    waits_[choice.state] = row.wait;
  }
  rows_.push_back(choice);
  for (std::size_t from = 0; from < size(); ++from) {
    auto& sums = sums_[from];
    sums.push_back((sums.empty() ? 0 : sums.back()) + row.probabilities[from]);
  }
}

Transitions::Choice Transitions::next(std::uint16_t from, double u) const noexcept {
  const auto& sums = sums_[from];
  const auto row = std::upper_bound(sums.begin(), sums.end(), u);
  if (row == sums.end()) return {.kind = Choice::Kind::state, .state = from, .wait = waits_[from]};
  return rows_[static_cast<std::size_t>(row - sums.begin())];
}

}  // namespace sluice::loadgen
