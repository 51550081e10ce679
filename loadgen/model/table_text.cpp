#include "loadgen/model/table_text.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "loadgen/error.hpp"
#include "loadgen/model/rubis.hpp"
#include "loadgen/model/transitions.hpp"
#include "loadgen/words.hpp"

namespace sluice::loadgen {

namespace {

constexpr std::string_view kWaitColumn = "transition_waiting_time_ms";
constexpr std::size_t kRowsMax = Transitions::kStatesMax + 2;  // states, Back, EndOfSession

struct Field {
  std::string_view text;
  std::size_t column = 1;
};

std::string quoted(std::string_view text) { return "'" + std::string{text.substr(0, 60)} + "'"; }

/// Goes from line to line.
class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : rest_(text), file_(file) {}

  /// The fields of the next line; false at the end.
  bool next(char separator, std::vector<Field>& fields) {
    if (rest_.empty()) return false;
    ++line_;
    const auto end = rest_.find('\n');
    const auto text = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    fields.clear();
    for (std::size_t at = 0; at <= text.size();) {
      const auto stop = std::min(text.find(separator, at), text.size());
      fields.push_back(trimmed(text.substr(at, stop - at), at + 1));
      at = stop + 1;
    }
    return true;
  }

  std::size_t line() const noexcept { return line_; }
  const std::string& file() const noexcept { return file_; }
  TableText::Name name(const Field& field) const { return {std::string{field.text}, line_, field.column}; }
  [[noreturn]] void refuse(const Field& field, const std::string& sentence) const {
    refuse_table(file_, line_, field.column, sentence);
  }

 private:
  static Field trimmed(std::string_view text, std::size_t column) noexcept {
    constexpr std::string_view kBlanks = " \t\r";
    const auto first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {{}, column};
    return {text.substr(first, text.find_last_not_of(kBlanks) - first + 1), column + first};
  }

  std::string_view rest_;
  std::string file_;
  std::size_t line_ = 0;
};

bool blank(const std::vector<Field>& fields) noexcept {
  return std::all_of(fields.begin(), fields.end(), [](const Field& field) { return field.text.empty(); });
}

TableText::Row read_row(const Reader& reader, const std::vector<Field>& fields, std::size_t columns) {
  constexpr double kWaitMax = 24 * 3600e3;
  TableText::Row row;
  row.name = reader.name(fields.front());
  if (fields.size() < columns + 2)
    reader.refuse(fields.back(), "row " + quoted(fields.front().text) + " has " +
                                     std::to_string(fields.size()) + " fields instead of " +
                                     std::to_string(columns + 2) +
                                     " (name, one probability per column, waiting time)");
  row.probabilities.reserve(columns);
  for (std::size_t i = 1; i <= columns; ++i) {
    const auto value = parse_number(fields[i].text);
    if (!value || *value < 0 || *value > 1)
      reader.refuse(fields[i], quoted(fields[i].text) + " is not a probability between 0 and 1");
    row.probabilities.push_back(*value);
  }
  const Field& wait = fields[columns + 1];
  const auto value = parse_number(wait.text);
  if (!value || *value < 0 || *value > kWaitMax)
    reader.refuse(wait, quoted(wait.text) + " is not a waiting time in milliseconds (at most 24 hours)");
  row.wait = std::chrono::milliseconds{std::llround(*value)};
  return row;
}

/// Rows to EndOfSession, or to the end of the text.
void read_rows(Reader& reader, char separator, std::size_t columns, TableText& table) {
  std::vector<Field> fields;
  while (reader.next(separator, fields)) {
    if (blank(fields)) continue;
    if (table.rows.size() == kRowsMax) reader.refuse(fields.front(), "a table has at most 256 states");
    if (separator == ',' && fields.size() > columns + 2)
      reader.refuse(fields[columns + 2], "this row has more fields than the header");
    table.rows.push_back(read_row(reader, fields, columns));
    if (names_end(table.rows.back().name.text)) return;
  }
}

TableText read_csv(Reader& reader) {
  TableText table{.file = reader.file(), .columns = {}, .rows = {}};
  std::vector<Field> header;
  do {
    if (!reader.next(',', header)) refuse_table(reader.file(), 1, 1, "there is no table in it");
  } while (blank(header));
  if (header.size() < 3 || header.back().text != kWaitColumn)
    reader.refuse(header.back(), "the header reads 'to\\from,<state>,...," + std::string{kWaitColumn} + "'");
  if (header.size() > Transitions::kStatesMax + 2)
    reader.refuse(header[Transitions::kStatesMax + 1], "a table has at most 256 states");
  for (std::size_t i = 1; i + 1 < header.size(); ++i) table.columns.push_back(reader.name(header[i]));
  read_rows(reader, ',', table.columns.size(), table);
  return table;
}

TableText read_rubis(Reader& reader) {
  constexpr std::size_t kColumns = kInteractionNames.size();
  TableText table{.file = reader.file(), .columns = {}, .rows = {}};
  std::vector<Field> fields;
  for (int line = 1; line <= 4; ++line) {
    if (!reader.next('\t', fields)) refuse_table(reader.file(), reader.line() + 1, 1, "the table ends here");
    if (line == 2 && !blank(fields)) reader.refuse(fields.front(), "the line after the title must be blank");
  }
  if (fields.size() < kColumns + 2)
    reader.refuse(fields.back(), "the header of a RUBiS table has 27 states and a waiting time");
  read_rows(reader, '\t', kColumns, table);
  if (table.rows.size() != kColumns + 2)
    refuse_table(reader.file(), reader.line(), 1,
                 "a RUBiS table has 29 rows, the last one EndOfSession; this one has " +
                     std::to_string(table.rows.size()));
  for (std::size_t i = 0; i < kColumns; ++i) table.columns.push_back(table.rows[i].name);
  return table;
}

}  // namespace

TableText read_table(std::string_view text, const std::string& file) {
  Reader reader{text, file};
  const bool rubis = text.substr(0, text.find('\n')).find('\t') != std::string_view::npos;
  return rubis ? read_rubis(reader) : read_csv(reader);
}

void refuse_table(const std::string& file, std::size_t line, std::size_t column,
                  const std::string& sentence) {
  throw UsageError(file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + sentence);
}

bool names_end(std::string_view name) noexcept { return name == "EndOfSession" || name == "End of Session"; }

bool names_back(std::string_view name) noexcept { return name == "Back" || name == "Back probability"; }

}  // namespace sluice::loadgen
