#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/model/rubis.hpp"

/// The site as a Markov chain.
namespace sluice::loadgen {

struct TableText;

/// A transition table in RUBiS' terms: columns are where one is, rows where one goes. Immutable after
/// loading.
class Transitions {
 public:
  static constexpr std::size_t kStatesMax = 256;

  struct Choice {
    enum class Kind : std::uint8_t { state, back, end };
    Kind kind = Kind::state;
    std::uint16_t state = 0;            ///< With Kind::state.
    std::chrono::milliseconds wait{0};  ///< The row's waiting time.
  };

  /// "default", "default_7", "browse", "browse_7" (embedded tables of RUBiS 1.4.3), else a file: CSV as in
  /// those tables, or the tab-separated text that RUBiS' own client reads (table_text.hpp). A state is one of
  /// RUBiS' 27 interactions, or a path that begins with "/"; it is numbered by its column, and state 0 is
  /// where sessions start. Rows may stand in any order, with "Back" and "EndOfSession" among them. Throws
  /// UsageError naming file, line and column of what is wrong.
  static Transitions load(const std::string& name);
  /// From the text of a CSV or RUBiS file; `name` is for messages.
  static Transitions parse(std::string_view text, const std::string& name);

  /// RUBiS' rule, exactly: scan the column of `from` from the top, first row whose running sum exceeds `u`.
  /// Columns need not add up to 1: above it the tail is cut, below it the missing probability stays in the
  /// same state.
  Choice next(std::uint16_t from, double u) const noexcept;
  /// Whether `Back` is possible from here; where it is not, the history is forgotten on entering.
  bool can_go_back(std::uint16_t from) const noexcept { return can_go_back_[from]; }
  /// The waiting time of the row that leads to `state`.
  std::chrono::milliseconds wait(std::uint16_t state) const noexcept { return waits_[state]; }

  std::size_t size() const noexcept { return names_.size(); }  ///< Without Back and EndOfSession.
  const std::vector<std::string>& names() const noexcept { return names_; }
  /// What `state` is in RUBiS; none for a path, which is its name.
  std::optional<Interaction> interaction(std::uint16_t state) const noexcept { return interactions_[state]; }
  /// Whether any state is one of RUBiS, so that pages have to be read.
  bool has_interactions() const noexcept { return has_interactions_; }
  const std::string& name() const noexcept { return name_; }

 private:
  Transitions() = default;
  void add_state(const std::string& file, const std::string& name, std::size_t line, std::size_t column);
  void add_row(const TableText& table, std::size_t row);

  std::string name_;
  std::vector<std::string> names_;  // of states
  std::vector<std::optional<Interaction>> interactions_;
  std::vector<std::chrono::milliseconds> waits_;
  std::vector<bool> can_go_back_;
  bool has_interactions_ = false;
  std::vector<Choice> rows_;               // in the order of the file
  std::vector<std::vector<double>> sums_;  // sums_[from][row]: of the column down to that row
};

}  // namespace sluice::loadgen
