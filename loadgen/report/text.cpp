#include "loadgen/report/text.hpp"

#include <algorithm>
#include <vector>

#include "loadgen/report/format.hpp"
#include "loadgen/report/sections.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::size_t kWidth = 110;

/// `text` in lines of at most `kWidth`, each after `indent` spaces; words longer than a line are cut.
std::string wrapped(const std::string& text, std::size_t indent) {
  std::string out, line;
  const auto flush = [&] {
    if (!line.empty()) out.append(indent, ' ').append(line).append("\n");
    line.clear();
  };
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = report::fitted(text.substr(begin, end - begin), kWidth - indent);
    if (report::columns(line) + 1 + report::columns(word) > kWidth - indent) flush();
    if (!word.empty()) line.append(line.empty() ? "" : " ").append(word);
    begin = end + 1;
  }
  flush();
  return out;
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string space(width - std::min(width, report::columns(text)), ' ');
  return right ? space + text : text + space;
}

std::vector<std::size_t> widths_of(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], report::columns(row[i]));
  }
  return widths;
}

/// Words stand left, figures right, so that their digits stand below each other.
bool is_figure(const std::vector<std::vector<std::string>>& rows, std::size_t column) {
  return std::ranges::all_of(rows.begin() + 1, rows.end(), [&](const auto& row) {
    return column >= row.size() || row[column].empty() || row[column] == "-" ||
           row[column].find_first_of("0123456789") != std::string::npos;
  });
}

std::string laid_out(report::Table table) {
  constexpr std::size_t kNameMax = 44;
  std::string out = table.title + "\n";
  const bool plain = table.columns.empty();
  if (!plain) table.rows.insert(table.rows.begin(), table.columns);
  for (auto& row : table.rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] = report::fitted(report::printable(row[i]), i == 0 ? kNameMax : kWidth);
  const auto widths = widths_of(table.rows);
  for (const auto& row : table.rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line += padded(row[i], widths[i], i > 0 && !plain && is_figure(table.rows, i));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out.append(report::fitted(line, kWidth)).append("\n");
  }
  return out + wrapped(report::printable(table.note), 2) + "\n";
}

}  // namespace

std::string summary(const Result& result) {
  std::string out{report::verdict_word(result.verdict.kind)};
  out.append("  ").append(report::verdict_meaning(result.verdict.kind)).append("\n");
  for (const std::string& line : report::verdict_lines(result)) out += wrapped(report::printable(line), 2);
  out += "\n";
  for (report::Table& table : report::tables(result))
    if (!table.detail) out += laid_out(std::move(table));
  return out.substr(0, out.size() - 1);
}

}  // namespace sluice::loadgen
