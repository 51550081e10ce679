#pragma once
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Transition tables as text, before anybody knows what their names mean.
namespace sluice::loadgen {

/// Rows are where one goes, columns where one is.
struct TableText {
  struct Name {
    std::string text;
    std::size_t line = 0, column = 0;  ///< Where it stands, from 1, counted in bytes.
  };
  struct Row {
    Name name;
    std::vector<double> probabilities;  ///< One per column, each in [0, 1].
    std::chrono::milliseconds wait{0};
  };
  std::string file;           ///< For messages.
  std::vector<Name> columns;  ///< At least one.
  std::vector<Row> rows;      ///< In the order of the file, to the row EndOfSession at the latest.
};

/// Two dialects, told apart by the tab that a title of RUBiS has:
///  * CSV: a header "to\from,<state>,...,transition_waiting_time_ms", then one row per destination: its name,
///    one probability per column of the header, a waiting time. Blank lines are skipped.
///  * RUBiS' own text, tab-separated: a title, a line without text, a header over two lines whose names are
///    abbreviations, and rows as above. Fields behind the waiting time are ignored. The columns get the names
///    of the first rows, as they have the same order.
/// Both may have CR LF; blanks around fields don't count; what follows the row EndOfSession is not read.
/// Throws UsageError with file, line and column.
TableText read_table(std::string_view text, const std::string& file);

/// "file:line:column: " in front of `sentence`.
[[noreturn]] void refuse_table(const std::string& file, std::size_t line, std::size_t column,
                               const std::string& sentence);

/// The last row, which ends a session; also as RUBiS spells it, "End of Session".
bool names_end(std::string_view name) noexcept;
/// The row that goes back; also as RUBiS spells it, "Back probability".
bool names_back(std::string_view name) noexcept;

}  // namespace sluice::loadgen
