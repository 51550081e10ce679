#pragma once
#include <string>
#include <vector>

/// Line charts as inline SVG: readable in light and dark, printable, with a table of the same figures beside
/// each.
namespace sluice::loadgen {

struct Series {
  std::string name;
  std::vector<double> x, y;  ///< Same length, x ascending; NaN leaves a gap.
  bool dashed = false;
  bool dots = false;         ///< Mark each point, as for a sweep of a few rates.
  std::vector<bool> hollow;  ///< With dots: points that are not to be trusted (client-limited); may be empty.
};

struct Chart {
  std::string title;
  std::string note;  ///< One sentence below it, or empty.
  std::string x_label, y_label;
  bool stacked = false;  ///< Areas on top of each other; series must share x.
  bool x_log = false, y_log = false;
  std::vector<Series> series;
  bool x_quantile = false;  ///< x is 1 / (1 - quantile), labelled 50 %, 90 %, 99 %, ...; implies x_log.
};

/// A <figure> with <svg>, legend, caption and a <details> table. Everything is escaped. A series of more
/// than 600 points is thinned so that its extremes stay.
std::string render_chart(const Chart& chart);
/// A whole self-contained page: no script, no external asset.
std::string render_page(const std::string& title, const std::string& body_html);
std::string escape_html(const std::string& text);

}  // namespace sluice::loadgen
