#include "loadgen/report/html.hpp"

#include <algorithm>

#include "loadgen/report/chart.hpp"
#include "loadgen/report/fields.hpp"
#include "loadgen/report/run_charts.hpp"
#include "loadgen/report/sections.hpp"

namespace sluice::loadgen {
namespace {

std::string text(std::string_view raw) { return escape_html(std::string{raw}); }

std::string banner(const Result& result) {
  const auto kind = report::kVerdictNames.at(static_cast<std::size_t>(result.verdict.kind));
  std::string out = "<section class=\"verdict ";
  out.append(kind)
      .append("\"><strong>")
      .append(report::verdict_word(result.verdict.kind))
      .append("</strong>");
  out.append(report::verdict_meaning(result.verdict.kind)).append("<ul>");
  for (const std::string& line : report::verdict_lines(result)) out += "<li>" + text(line) + "</li>";
  return out + "</ul></section>\n";
}

std::string cards(const Result& result) {
  std::string out = "<dl class=\"cards\">";
  for (const auto& [value, unit, name, note] : report::key_figures(result)) {
    out += "<div><dt>" + text(name) + "</dt><dd>" + text(value);
    if (!unit.empty()) out += "<small>" + text(unit) + "</small>";
    out += "</dd>" + (note.empty() ? std::string{} : "<dd class=\"more\">" + text(note) + "</dd>") + "</div>";
  }
  return out + "</dl>\n";
}

bool is_figure(const std::string& cell) {
  return cell.empty() || cell == "-" || cell.find_first_of("0123456789") != std::string::npos;
}

bool of_words(const report::Table& table, std::size_t column) {
  return std::ranges::none_of(table.rows, [&](const auto& row) { return is_figure(row[column]); });
}

std::string cell(const std::string& value, bool plain) {
  if (value == "MISSED") return "<td class=\"missed\">MISSED</td>";
  if (value == "met") return "<td class=\"met\">met</td>";
  const char* open = plain ? "<td class=\"value\">" : is_figure(value) ? "<td>" : "<td class=\"word\">";
  return open + text(value) + "</td>";
}

std::string table_html(const report::Table& table) {
  constexpr std::size_t kColumnsOfHalfAPage = 6;
  const bool plain = table.columns.empty();
  const bool wide = table.columns.size() > kColumnsOfHalfAPage;
  std::string out = wide ? "<div class=\"table wide\"><h3>" : "<div class=\"table\"><h3>";
  out += text(table.title) + "</h3><div class=\"scroll\"><table>";
  if (!plain) {
    out += "<thead><tr>";
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      out += (of_words(table, i) ? "<th class=\"word\">" : "<th>") + text(table.columns[i]) + "</th>";
    out += "</tr></thead>";
  }
  out += "<tbody>";
  for (const auto& row : table.rows) {
    out += "<tr><th>" + text(row.front()) + "</th>";
    for (std::size_t i = 1; i < row.size(); ++i) out += cell(row[i], plain);
    out += "</tr>";
  }
  out += "</tbody></table></div>";
  if (!table.note.empty()) out += "<p class=\"note\">" + text(table.note) + "</p>";
  return out + "</div>\n";
}

}  // namespace

std::string html_report(const Result& result) {
  const Setup& setup = result.setup;
  const std::string name = setup.label.empty() ? setup.target : setup.label;
  std::string body = "<h1>" + text(name) + "</h1><p class=\"sub\">" + text(setup.target) + " · " +
                     text(setup.load) + (setup.started_at.empty() ? "" : " · ") + text(setup.started_at) +
                     "</p>\n";
  body += banner(result) + cards(result);
  const auto charts = report::run_charts(result);
  if (!charts.empty()) body += "<h2>Over time</h2>\n<div class=\"aligned\">\n";
  for (const Chart& chart : charts) body += render_chart(chart);
  if (!charts.empty()) body += "</div>\n";
  body += "<h2>Figures</h2>\n<div class=\"tables\">";
  for (const report::Table& table : report::tables(result)) body += table_html(table);
  body += "</div>\n<p class=\"foot\">Made by sluice-load " + text(setup.version) + ".</p>\n";
  return render_page("sluice-load: " + name, body);
}

}  // namespace sluice::loadgen
