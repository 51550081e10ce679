#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// The site as a Markov chain.
namespace sluice::loadgen {

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
  /// those tables, or the tab-separated text that RUBiS' own client reads. A state is one of RUBiS' 27
  /// interactions, or a path that begins with "/"; rows may end with "Back" and "EndOfSession". Throws
  /// UsageError naming file, line and column of what is wrong.
  static Transitions load(const std::string& name);
  /// From the text of a CSV or RUBiS file; `name` is for messages.
  static Transitions parse(std::string_view text, const std::string& name);

  /// RUBiS' rule, exactly: scan the column of `from` from the top, first row whose running sum exceeds `u`.
  /// Columns need not add up to 1: above it the tail is cut, below it the missing probability stays in the
  /// same state.
  Choice next(std::uint16_t from, double u) const noexcept;
  /// Whether `Back` is possible from here; where it is not, the history is forgotten on entering.
  bool can_go_back(std::uint16_t from) const noexcept;

  std::size_t size() const noexcept { return names_.size(); }  ///< Without Back and EndOfSession.
  const std::vector<std::string>& names() const noexcept { return names_; }
  const std::string& name() const noexcept { return name_; }

 private:
  Transitions() = default;

  std::string name_;
  std::vector<std::string> names_;            // of states
  std::vector<Choice> rows_;                  // in the order of the file
  std::vector<std::vector<double>> columns_;  // columns_[from][row]
};

}  // namespace sluice::loadgen
