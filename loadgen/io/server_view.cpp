#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "loadgen/io/scrape.hpp"

// What a server's samples mean.
namespace sluice::loadgen {
namespace {

/// By how much each of our figures grew, or what it is.
using Figures = std::map<std::string, double>;

/// A metric we know. Samples that differ only in labels not named here are added up.
struct Metric {
  std::string_view name;
  std::string_view figure;  ///< In it, `*` stands for the values of `labels`, with dots between them.
  std::array<std::string_view, 2> labels{};
  bool may_shrink = false;  ///< A counter whose going back tells nothing.
};

constexpr std::array kCounters{
    Metric{"process_cpu_seconds_total", "cpu"},
    // By estimates; what is left for "other" shrinks when they were too high.
    Metric{"sluice_cpu_seconds_total", "cpu.*", {"work"}, true},
    Metric{"sluice_tls_handshakes_total", "handshakes.*", {"kind"}},
    Metric{"sluice_tls_handshake_cpu_seconds_total", "handshake_cpu.*", {"kind"}},
    Metric{"sluice_http_requests_total", "requests"},
    Metric{"sluice_accepted_connections_total", "accepted"},
    Metric{"sluice_admission_decisions_total", "admission.*", {"class", "decision"}},
};
constexpr std::array kGauges{
    Metric{"sluice_connections", "connections"},
    Metric{"sluice_admission_session_budget", "budget"},
    Metric{"sluice_sessions_live", "live"},
    Metric{"sluice_processors", "processors"},
    Metric{"sluice_cpus_available", "cpus_available"},
};

std::string_view metric_name(std::string_view sample_name) noexcept {
  return sample_name.substr(0, sample_name.find('{'));
}

/// Value of `label` in a sample's name, as written there; empty when it has none.
std::string_view label_value(std::string_view sample_name, std::string_view label) noexcept {
  std::size_t at = sample_name.find('{');
  while (at < sample_name.size()) {
    const std::size_t begin = sample_name.find_first_not_of("{, \t", at);
    const std::size_t quote = sample_name.find("=\"", at);
    if (quote == std::string_view::npos) break;
    std::size_t end = quote + 2;
    while (end < sample_name.size() && sample_name[end] != '"') end += sample_name[end] == '\\' ? 2 : 1;
    if (end >= sample_name.size()) break;
    if (sample_name.substr(begin, quote - begin) == label)
      return sample_name.substr(quote + 2, end - quote - 2);
    at = end + 1;
  }
  return {};
}

std::string figure_of(const Metric& metric, std::string_view sample_name) {
  std::string figure(metric.figure);
  if (!figure.ends_with('*')) return figure;
  figure.pop_back();
  for (const auto label : metric.labels) {
    if (label.empty()) break;
    if (!figure.ends_with('.')) figure += '.';
    figure += label_value(sample_name, label);
  }
  return figure;
}

/// Handshakes that failed are work, but nobody got anything for it: they are in the CPU, not in the count.
bool counts(std::string_view sample_name) noexcept {
  const auto result = label_value(sample_name, "result");
  return result.empty() || result == "ok" || metric_name(sample_name) != "sluice_tls_handshakes_total";
}

template <std::size_t N>
const Metric* find(const std::array<Metric, N>& metrics, std::string_view sample_name) noexcept {
  const auto found = std::ranges::find(metrics, metric_name(sample_name), &Metric::name);
  return found == metrics.end() ? nullptr : &*found;
}

template <std::size_t N>
Figures figures(const std::array<Metric, N>& metrics, const Samples& samples) {
  Figures result;
  for (const auto& [name, value] : samples) {
    const Metric* metric = find(metrics, name);
    if (metric != nullptr && counts(name)) result[figure_of(*metric, name)] += value;
  }
  return result;
}

/// What happened between two scrapes; none when the server was restarted: a counter went backwards or is
/// gone. One that is new has begun with 0, as they all do.
std::optional<Figures> growth(const Samples& before, const Samples& after) {
  for (const auto& [name, value] : before) {
    const Metric* metric = find(kCounters, name);
    if (metric == nullptr || metric->may_shrink) continue;
    const auto later = after.find(name);
    if (later == after.end() || later->second < value) return std::nullopt;
  }
  Figures grown = figures(kCounters, after);
  for (const auto& [figure, value] : figures(kCounters, before)) grown[figure] -= value;
  return grown;
}

/// Figures for the costs only.
bool internal(std::string_view figure) noexcept { return figure.starts_with("handshake_cpu."); }

ServerView::Point point_of(double t, const Figures& gauges, const std::optional<Figures>& grown,
                           double seconds) {
  ServerView::Point point{t, {gauges.begin(), gauges.end()}};
  if (!grown || seconds <= 0) return point;
  for (const auto& [figure, amount] : *grown) {
    if (!internal(figure)) point.values[figure] = std::max(0.0, amount) / seconds;
  }
  return point;
}

/// Counters of an absurd page can add up to infinity, which no report could write down.
void keep_finite(Figures& figures) {
  std::erase_if(figures, [](const auto& figure) { return !std::isfinite(figure.second); });
}

/// Sums over the window.
struct Window {
  double begin = 0, end = 0;
  double seconds = 0;  ///< Of the intervals that count.
  Figures grown{};
  Figures gauge_sums{};
  std::map<std::string, unsigned> gauge_counts{};

  void add_interval(double from, double to, const Figures& amounts) {
    const double middle = (from + to) / 2;
    if (middle < begin || middle > end) return;
    seconds += to - from;
    for (const auto& [figure, amount] : amounts) grown[figure] += amount;
  }
  void add_gauges(double t, const Figures& gauges) {
    if (t < begin || t > end) return;
    for (const auto& [figure, value] : gauges) {
      gauge_sums[figure] += value;
      ++gauge_counts[figure];
    }
  }
  std::optional<double> of(const std::string& figure) const {
    const auto found = grown.find(figure);
    return found == grown.end() ? std::nullopt : std::optional(found->second);
  }
};

void add_cost(Figures& totals, const std::string& name, std::optional<double> cpu,
              std::optional<double> count) {
  if (cpu && count && *count > 0) totals[name] = *cpu / *count * 1000;
}

/// CPU spent on requests. The server's own ledger tells; without one, all its CPU when it did nothing else to
/// speak of.
std::optional<double> request_cpu(const Window& window) {
  std::optional<double> sum;
  for (const auto& [figure, amount] : window.grown) {
    if (figure.starts_with("cpu.request")) sum = sum.value_or(0) + amount;
  }
  if (sum) return sum;
  const double handshakes =
      window.of("handshakes.full").value_or(0) + window.of("handshakes.resumed").value_or(0);
  if (handshakes >= 0.01 * window.of("requests").value_or(0)) return std::nullopt;
  return window.of("cpu");
}

Figures totals_of(const Window& window) {
  Figures totals;
  for (const auto& [figure, sum] : window.gauge_sums) totals[figure] = sum / window.gauge_counts.at(figure);
  if (window.seconds <= 0) return totals;
  for (const auto& [figure, amount] : window.grown) {
    if (figure.starts_with("cpu")) totals["cpu_used" + figure.substr(3)] = amount / window.seconds;
    if (figure.starts_with("admission.")) totals[figure] = amount;
  }
  const auto full = window.of("handshakes.full");
  const auto resumed = window.of("handshakes.resumed");
  const auto requests = window.of("requests");
  if (full) totals["handshakes_full"] = *full;
  if (resumed) totals["handshakes_resumed"] = *resumed;
  if (requests) totals["requests"] = *requests;
  add_cost(totals, "cpu_ms_per_full_handshake", window.of("handshake_cpu.full"), full);
  add_cost(totals, "cpu_ms_per_resumed_handshake", window.of("handshake_cpu.resumed"), resumed);
  add_cost(totals, "cpu_ms_per_request", request_cpu(window), requests);
  return totals;
}

}  // namespace

bool understood(std::string_view sample_name) noexcept {
  return find(kCounters, sample_name) != nullptr || find(kGauges, sample_name) != nullptr;
}

ServerView view_of(const std::vector<std::pair<double, Samples>>& scrapes, double window_begin,
                   double window_end) {
  ServerView view;
  Window window{.begin = window_begin, .end = window_end};
  for (std::size_t i = 0; i < scrapes.size(); ++i) {
    const auto& [t, samples] = scrapes[i];
    const Figures gauges = figures(kGauges, samples);
    window.add_gauges(t, gauges);
    const double since = i == 0 ? t : scrapes[i - 1].first;
    const auto grown = i == 0 ? std::nullopt : growth(scrapes[i - 1].second, samples);
    if (grown) window.add_interval(since, t, *grown);
    view.points.push_back(point_of(t, gauges, grown, t - since));
    keep_finite(view.points.back().values);
  }
  view.totals = totals_of(window);
  keep_finite(view.totals);
  return view;
}

}  // namespace sluice::loadgen
