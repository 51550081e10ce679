#include "loadgen/report/chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "loadgen/report/format.hpp"
#include "loadgen/report/scale.hpp"

namespace sluice::loadgen {
namespace {

using report::Axis;

constexpr std::size_t kPointsMax = 600;    // of a series
constexpr std::size_t kTooltipsMax = 100;  // of a chart without dots
constexpr std::size_t kRowsMax = 60;       // of the table below
constexpr std::size_t kColours = 8;
// Units of the stretched inner drawing: finer than pixels, so that coordinates are short integers.
constexpr double kUnitsX = 3000, kUnitsY = 1000;
constexpr double kHeightPx = 250;  // as in the style sheet

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string percent_of(double position) {
  std::string text = std::to_string(std::lround(10'000 * position));
  if (text == "0") return "0";
  const bool negative = text.front() == '-';
  if (negative) text.erase(0, 1);
  text.insert(0, text.size() < 3 ? 3 - text.size() : 0, '0');
  text.insert(text.size() - 2, 1, '.');
  return (negative ? "-" : "") + text + "%";
}

/// What is drawn: the y of each series as it stands in the picture (cumulated when stacked), and the axes.
struct Layout {
  std::vector<std::vector<double>> top;
  Axis x, y;
};

std::vector<std::vector<double>> tops_of(const Chart& chart) {
  std::vector<std::vector<double>> tops;
  for (const Series& series : chart.series) {
    tops.push_back(series.y);
    tops.back().resize(series.x.size(), kNan);
    if (!chart.stacked) continue;
    for (std::size_t i = 0; i < tops.back().size(); ++i) {
      if (!std::isfinite(tops.back()[i])) tops.back()[i] = 0;
      if (tops.size() > 1 && i < tops[tops.size() - 2].size()) tops.back()[i] += tops[tops.size() - 2][i];
    }
  }
  return tops;
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void take(double value, bool positive_only) {
    if (!std::isfinite(value) || (positive_only && value <= 0)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return !(low <= high); }
};

std::optional<Layout> layout_of(const Chart& chart) {
  Layout layout{tops_of(chart), {}, {}};
  Range x, y;
  for (std::size_t s = 0; s < chart.series.size(); ++s)
    for (std::size_t i = 0; i < layout.top[s].size(); ++i) {
      if (!std::isfinite(layout.top[s][i])) continue;
      x.take(chart.series[s].x[i], chart.x_log || chart.x_quantile);
      y.take(layout.top[s][i], chart.y_log);
    }
  if (x.empty() || y.empty()) return std::nullopt;
  if (chart.x_quantile)
    layout.x = Axis::quantiles(x.high);
  else
    layout.x = chart.x_log ? Axis::logarithmic(x.low, x.high) : Axis::exact(x.low, x.high);
  layout.y = chart.y_log ? Axis::logarithmic(y.low, y.high) : Axis::linear(y.low, y.high);
  return layout;
}

/// Path data in integers, relative after the first point of each stretch.
class Path {
 public:
  void to(double x, double y) {
    const long px = std::lround(kUnitsX * x), py = std::lround(kUnitsY * (1 - y));
    if (pen_down_) {
      if (px == x_ && py == y_) return;
      data_.append("l").append(std::to_string(px - x_));
      if (py >= y_) data_ += ' ';
      data_.append(std::to_string(py - y_));
    } else {
      data_.append("M").append(std::to_string(px)).append(" ").append(std::to_string(py));
    }
    x_ = px, y_ = py, pen_down_ = true;
  }
  void lift() { pen_down_ = false; }
  void close() { data_ += 'z'; }
  const std::string& data() const { return data_; }

 private:
  std::string data_;
  long x_ = 0, y_ = 0;
  bool pen_down_ = false;
};

std::string colour(std::size_t series) { return "s" + std::to_string(series % kColours); }

std::string line_of(const Series& series, const std::vector<double>& y, std::size_t index,
                    const Layout& layout) {
  Path path;
  for (const std::size_t i : report::thinned(y, kPointsMax)) {
    const double px = layout.x.position(series.x[i]), py = layout.y.position(y[i]);
    if (std::isfinite(px) && std::isfinite(py))
      path.to(px, py);
    else
      path.lift();
  }
  const bool dashed = series.dashed || index >= kColours;
  return "<path class=\"line " + colour(index) + (dashed ? " dashed" : "") + "\" d=\"" + path.data() + "\"/>";
}

/// The area between this series and the one below it. All series keep the same points: those where the whole
/// stack is extreme.
std::string area_of(const Series& series, std::size_t index, const std::vector<std::size_t>& points,
                    const Layout& layout) {
  Path path;
  for (const std::size_t i : points)
    path.to(layout.x.position(series.x[i]), layout.y.position(layout.top[index][i]));
  for (auto i = points.rbegin(); i != points.rend(); ++i)
    path.to(layout.x.position(series.x[*i]), layout.y.position(index == 0 ? 0 : layout.top[index - 1][*i]));
  path.close();
  return "<path class=\"area " + colour(index) + "\" d=\"" + path.data() + "\"/>";
}

std::string drawing(const Chart& chart, const Layout& layout) {
  std::string out =
      "<svg viewBox=\"0 0 3000 1000\" preserveAspectRatio=\"none\" width=\"100%\" height=\"100%\" "
      "overflow=\"visible\">";
  if (chart.stacked) {
    std::size_t shortest = layout.top.front().size();
    for (const auto& top : layout.top) shortest = std::min(shortest, top.size());
    std::vector<double> total = layout.top.back();
    total.resize(shortest);
    const auto points = report::thinned(total, kPointsMax);
    for (std::size_t s = 0; s < chart.series.size(); ++s) out += area_of(chart.series[s], s, points, layout);
  } else {
    for (std::size_t s = 0; s < chart.series.size(); ++s)
      out += line_of(chart.series[s], layout.top[s], s, layout);
  }
  return out + "</svg>";
}

std::string grid(const Chart& chart, const Layout& layout) {
  std::string out = "<g class=\"grid\">";
  for (const auto& tick : layout.y.ticks()) {
    const std::string y = percent_of(1 - layout.y.position(tick.value));
    out += "<line x1=\"0\" x2=\"100%\" y1=\"" + y + "\" y2=\"" + y + "\"/><text class=\"y\" x=\"-8\" y=\"" +
           y + "\" dy=\".32em\">" + escape_html(tick.label) + "</text>";
  }
  for (const auto& tick : layout.x.ticks()) {
    const std::string x = percent_of(layout.x.position(tick.value));
    out += "<line class=\"mark\" x1=\"" + x + "\" x2=\"" + x +
           "\" y1=\"100%\" y2=\"101.8%\"/><text class=\"x\" x=\"" + x + "\" y=\"100%\" dy=\"1.6em\">" +
           escape_html(tick.label) + "</text>";
  }
  return out + "</g><text class=\"xlabel\" x=\"100%\" y=\"100%\" dy=\"3em\">" + escape_html(chart.x_label) +
         "</text>";
}

/// The figures by x: what tooltips and the table show. A series without a value at an x has NaN there.
std::map<double, std::vector<double>> by_x(const Chart& chart) {
  std::map<double, std::vector<double>> rows;
  for (std::size_t s = 0; s < chart.series.size(); ++s)
    for (std::size_t i = 0; i < std::min(chart.series[s].x.size(), chart.series[s].y.size()); ++i) {
      if (!std::isfinite(chart.series[s].x[i])) continue;
      auto& row = rows[chart.series[s].x[i]];
      row.resize(chart.series.size(), kNan);
      row[s] = chart.series[s].y[i];
    }
  return rows;
}

std::string x_text(const Chart& chart, double x) {
  if (!chart.x_quantile) return report::number(x);
  std::string share = std::to_string(100 * (1 - 1 / x));
  share.erase(share.find_last_not_of('0') + 1);
  if (share.ends_with('.')) share.pop_back();
  return share + " %";
}

/// Invisible bands over the drawing, each with the figures at its place.
std::string tooltips(const Chart& chart, const Layout& layout,
                     const std::map<double, std::vector<double>>& rows) {
  std::vector<std::pair<double, const std::vector<double>*>> all;
  for (const auto& [x, row] : rows)
    if (std::isfinite(layout.x.position(x))) all.emplace_back(x, &row);
  const auto picked = report::spaced(all.size(), kTooltipsMax);
  std::string out = "<g class=\"hits\">";
  for (std::size_t n = 0; n < picked.size(); ++n) {
    const auto& [x, row] = all[picked[n]];
    const auto middle = [&](std::size_t other) {
      return (layout.x.position(x) + layout.x.position(all[picked[other]].first)) / 2;
    };
    const double begin = n == 0 ? 0 : middle(n - 1), end = n + 1 == picked.size() ? 1 : middle(n + 1);
    out += "<rect x=\"" + percent_of(begin) + "\" width=\"" + percent_of(end - begin) + "\"><title>" +
           escape_html(chart.x_label + " " + x_text(chart, x));
    for (std::size_t s = 0; s < row->size(); ++s)
      if (std::isfinite((*row)[s]))
        out += "\n" + escape_html(chart.series[s].name + " " + report::number((*row)[s]));
    out += "</title></rect>";
  }
  return out + "</g>";
}

std::string dots(const Chart& chart, const Layout& layout) {
  std::string out;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    // A point without a neighbour is no line: it would not be seen.
    if (chart.stacked || (!series.dots && series.x.size() > 1)) continue;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      const double x = layout.x.position(series.x[i]), y = layout.y.position(layout.top[s][i]);
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      const bool hollow = i < series.hollow.size() && series.hollow[i];
      out +=
          "<circle class=\"" + colour(s) + (hollow ? " hollow" : "") + "\" cx=\"" + percent_of(x) +
          "\" cy=\"" + percent_of(1 - y) + "\" r=\"4.5\"><title>" +
          escape_html(series.name + (hollow ? " (not to be trusted)" : "") + "\n" + chart.x_label + " " +
                      x_text(chart, series.x[i]) + "\n" + chart.y_label + " " + report::number(series.y[i])) +
          "</title></circle>";
    }
  }
  return out;
}

/// Names at the ends of their lines, moved apart where they would overlap; none when there are too many.
std::string direct_labels(const Chart& chart, const Layout& layout) {
  if (chart.stacked || chart.series.size() < 2 || chart.series.size() > 7) return "";
  struct Label {
    double y;
    std::size_t series;
  };
  std::vector<Label> labels;
  for (std::size_t s = 0; s < chart.series.size(); ++s)
    for (std::size_t i = layout.top[s].size(); i-- > 0;) {
      const double y = layout.y.position(layout.top[s][i]);
      if (!std::isfinite(y)) continue;
      if (layout.x.position(chart.series[s].x[i]) > 0.97) labels.push_back({kHeightPx * (1 - y), s});
      break;
    }
  if (labels.size() != chart.series.size()) return "";
  std::ranges::sort(labels, {}, &Label::y);
  constexpr double kApart = 15;
  for (std::size_t i = 1; i < labels.size(); ++i)
    labels[i].y = std::max(labels[i].y, labels[i - 1].y + kApart);
  double floor = kHeightPx + kApart / 2;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label, floor -= kApart)
    label->y = std::min(label->y, floor);
  std::string out = "<g class=\"direct\">";
  for (const Label& label : labels)
    out += "<text class=\"" + colour(label.series) + "\" x=\"100%\" dx=\"9\" y=\"" +
           std::to_string(std::lround(label.y)) + "\" dy=\".32em\">" +
           escape_html(report::fitted(chart.series[label.series].name, 17)) + "</text>";
  return out + "</g>";
}

std::string legend(const Chart& chart, bool labelled) {
  if (chart.series.size() < 2) return "";
  std::string out = labelled ? "<ul class=\"legend narrow\">" : "<ul class=\"legend\">";
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const bool dashed = chart.series[s].dashed || s >= kColours;
    out += "<li class=\"" + colour(s) + (chart.stacked ? " box" : "") + (dashed ? " dashed" : "") +
           "\"><i></i>" + escape_html(chart.series[s].name) + "</li>";
  }
  return out + "</ul>";
}

std::string figures_table(const Chart& chart, const std::map<double, std::vector<double>>& rows) {
  std::vector<const std::pair<const double, std::vector<double>>*> all;
  for (const auto& row : rows) all.push_back(&row);
  const auto picked = report::spaced(all.size(), kRowsMax);
  std::string out = "<details><summary>Figures</summary><div class=\"scroll\"><table><thead><tr><th>" +
                    escape_html(chart.x_label) + "</th>";
  for (const Series& series : chart.series) out += "<th>" + escape_html(series.name) + "</th>";
  out += "</tr></thead><tbody>";
  for (const std::size_t i : picked) {
    out += "<tr><th>" + escape_html(x_text(chart, all[i]->first)) + "</th>";
    for (const double value : all[i]->second)
      out += "<td>" + (std::isfinite(value) ? escape_html(report::number(value)) : "") + "</td>";
    out += "</tr>";
  }
  out += "</tbody></table></div>";
  if (picked.size() < all.size())
    out += "<p>" + std::to_string(picked.size()) + " of " + std::to_string(all.size()) + " points.</p>";
  return out + "</details>";
}

/// What the picture shows, for those who don't see it.
std::string description(const Chart& chart) {
  std::string out = chart.title + ". " + chart.y_label + " over " + chart.x_label + ".";
  for (const Series& series : chart.series) {
    Range range;
    for (const double y : series.y) range.take(y, false);
    if (!range.empty())
      out += " " + series.name + ": " + report::number(range.low) + " to " + report::number(range.high) + ".";
  }
  return out;
}

}  // namespace

std::string render_chart(const Chart& chart) {
  std::string out = "<figure class=\"chart\"><h3>" + escape_html(chart.title) + "</h3>";
  const auto layout = layout_of(chart);
  if (!layout) return out + "<p class=\"note\">Nothing to show.</p></figure>\n";
  const auto rows = by_x(chart);
  const std::string direct = direct_labels(chart, *layout);
  out += legend(chart, !direct.empty());
  out += "<div class=\"ylabel\">" + escape_html(chart.y_label) + "</div>";
  out += direct.empty() ? "<div class=\"frame\">" : "<div class=\"frame labelled\">";
  out += "<svg class=\"plot\" role=\"img\" aria-label=\"" + escape_html(description(chart)) + "\">";
  out += grid(chart, *layout) + drawing(chart, *layout) + tooltips(chart, *layout, rows) +
         dots(chart, *layout) + direct;
  out += "</svg></div>";
  if (!chart.note.empty()) out += "<figcaption>" + escape_html(chart.note) + "</figcaption>";
  return out + figures_table(chart, rows) + "</figure>\n";
}

}  // namespace sluice::loadgen
