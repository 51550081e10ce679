#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include <boost/math/distributions/students_t.hpp>

#include "loadgen/error.hpp"
#include "loadgen/limits.hpp"
#include "loadgen/report/combine.hpp"
#include "loadgen/report/format.hpp"

namespace sluice::loadgen {
namespace {

constexpr double kConfidence = 0.95;

using Read = std::function<std::optional<double>(const Result& result, const Tally& measured)>;

struct Column {
  std::string name;
  bool higher_is_better;
  Read read;
};

std::vector<Column> latency_columns(Phase phase, const std::string& name) {
  std::vector<Column> columns;
  const auto add = [&](const char* what, auto figure) {
    columns.push_back({std::string{what} + " " + name + " ms", false,
                       [phase, figure](const Result&, const Tally& all) -> std::optional<double> {
                         const Histogram& histogram = all.latency[at(phase)];
                         if (histogram.empty()) return std::nullopt;
                         return std::chrono::duration<double, std::milli>(figure(histogram)).count();
                       }});
  };
  add("p50", [](const Histogram& histogram) { return histogram.quantile(0.5); });
  add("p95", [](const Histogram& histogram) { return histogram.quantile(0.95); });
  add("p99", [](const Histogram& histogram) { return histogram.quantile(0.99); });
  add("mean", [](const Histogram& histogram) { return histogram.mean(); });
  return columns;
}

std::string metric_title(const Metric& metric) {
  std::string title{metric.name};
  if (metric.share) return title + " (share)";
  const auto suffix = title.find("_per_s");
  return title.substr(0, suffix) + "/s";
}

Column server_column(const char* key, const char* name) {
  return {name, false, [key](const Result& result, const Tally&) -> std::optional<double> {
            const auto found = result.server.totals.find(key);
            if (found == result.server.totals.end()) return std::nullopt;
            return found->second;
          }};
}

std::vector<Column> all_columns() {
  std::vector<Column> columns;
  for (const Metric& metric : metrics())
    columns.push_back({metric_title(metric), metric.higher_is_better, metric.value});
  const std::pair<Phase, const char*> phases[] = {{Phase::complete, "complete"},
                                                  {Phase::handshake_full, "full handshake"},
                                                  {Phase::handshake_resumed, "resumed handshake"}};
  for (const auto& [phase, name] : phases)
    for (Column& column : latency_columns(phase, name)) columns.push_back(std::move(column));
  columns.push_back(server_column("cpu_ms_per_full_handshake", "server CPU ms/full handshake"));
  columns.push_back(server_column("cpu_ms_per_resumed_handshake", "server CPU ms/resumed handshake"));
  columns.push_back(server_column("cpu_ms_per_request", "server CPU ms/request"));
  return columns;
}

/// The value of each column (outer) in each run (inner); none when one run lacks it.
std::vector<std::optional<std::vector<double>>> read_all(const std::vector<Column>& columns,
                                                         const std::vector<Result>& results) {
  std::vector<std::optional<std::vector<double>>> values(columns.size(), std::vector<double>{});
  for (const Result& result : results) {
    const Tally measured = result.measured();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto value = columns[i].read(result, measured);
      if (!value)
        values[i].reset();
      else if (values[i])
        values[i]->push_back(*value);
    }
  }
  return values;
}

struct Sample {
  double mean = 0, variance = 0, n = 0;
};

Sample sample_of(const std::vector<double>& values) {
  Sample sample;
  sample.n = static_cast<double>(values.size());
  for (const double value : values) sample.mean += value / sample.n;
  if (values.size() < 2) return sample;
  for (const double value : values)
    sample.variance += (value - sample.mean) * (value - sample.mean) / (sample.n - 1);
  // What is left of equal values after rounding is no variation.
  if (std::sqrt(sample.variance) < 1e-9 * std::abs(sample.mean)) sample.variance = 0;
  return sample;
}

/// Half the width of the interval for a standard error and its degrees of freedom.
double half_width(double error, double freedom) {
  if (error == 0) return 0;  // nothing varied
  if (!(freedom > 0)) return std::numeric_limits<double>::quiet_NaN();
  const boost::math::students_t t{freedom};
  return error * boost::math::quantile(boost::math::complement(t, (1 - kConfidence) / 2));
}

/// Welch (1947); the degrees of freedom after Satterthwaite.
double welch(const Sample& a, const Sample& b) {
  const double va = a.variance / a.n, vb = b.variance / b.n;
  const double freedom = (va + vb) * (va + vb) / (va * va / (a.n - 1) + vb * vb / (b.n - 1));
  return half_width(std::sqrt(va + vb), freedom);
}

double paired(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) differences.push_back(b[i] - a[i]);
  const Sample sample = sample_of(differences);
  return half_width(std::sqrt(sample.variance / sample.n), sample.n - 1);
}

bool same_seeds(const std::vector<Result>& a, const std::vector<Result>& b) {
  return std::ranges::equal(
      a, b, {}, [](const Result& r) { return r.setup.seed; }, [](const Result& r) { return r.setup.seed; });
}

/// What should be the same on both sides, unless it is what is compared.
struct Condition {
  const char* what;
  std::string (*text)(const Setup&);
};
constexpr Condition kConditions[] = {
    {"target", [](const Setup& s) { return s.target; }},
    {"load", [](const Setup& s) { return s.load; }},
    {"model", [](const Setup& s) { return s.model; }},
    {"think time", [](const Setup& s) { return s.think; }},
    {"TLS", [](const Setup& s) { return s.tls; }},
    {"resumption", [](const Setup& s) { return s.resume; }},
    {"retry", [](const Setup& s) { return s.retry; }},
    {"attack", [](const Setup& s) { return s.attack; }},
    {"timeout", [](const Setup& s) { return report::seconds(s.timeout_s); }},
    {"duration", [](const Setup& s) { return report::seconds(s.duration_s); }},
    {"warm-up", [](const Setup& s) { return report::seconds(s.warmup_s); }},
    {"number of threads", [](const Setup& s) { return report::count(s.threads); }},
};

std::string signed_number(double value) {
  const std::string text = report::precise(value);
  return (value > 0 && text != "0" ? "+" : "") + text;
}

std::string relative(const Difference& difference) {
  if (difference.a == 0) return "-";
  const double share = difference.change / std::abs(difference.a);
  if (std::abs(share) < 0.0005) return "0.0 %";
  return (share > 0 ? "+" : "") + report::percent(share);
}

std::string judged(const Difference& difference) {
  if (std::isnan(difference.low)) return "one run only";
  if (difference.low <= 0 && difference.high >= 0) return "no clear difference";
  return (difference.change > 0) == difference.higher_is_better ? "better" : "worse";
}

std::string interval(const Difference& difference) {
  if (std::isnan(difference.low)) return "";
  return signed_number(difference.low) + " ... " + signed_number(difference.high);
}

}  // namespace

std::vector<Difference> compare(const std::vector<Result>& a, const std::vector<Result>& b) {
  if (a.empty() || b.empty()) throw UsageError("a comparison needs a result on either side.");
  for (const auto* side : {&a, &b})
    for (const Result& result : *side)
      if (result.setup.mode != a.front().setup.mode)
        throw UsageError("runs of mode \"" + a.front().setup.mode +
                         "\" can't be compared with runs of mode \"" + result.setup.mode + "\".");
  const bool pairs = a.size() == b.size() && same_seeds(a, b);
  const auto columns = all_columns();
  const auto values_a = read_all(columns, a), values_b = read_all(columns, b);
  std::vector<Difference> differences;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!values_a[i] || !values_b[i]) continue;
    const Sample sa = sample_of(*values_a[i]), sb = sample_of(*values_b[i]);
    if (sa.mean == 0 && sb.mean == 0) continue;  // nothing of the kind happened
    Difference difference{
        columns[i].name, sa.mean, sb.mean, sb.mean - sa.mean, 0, 0, columns[i].higher_is_better};
    const bool repeated = a.size() > 1 && b.size() > 1;
    const double half = !repeated ? std::numeric_limits<double>::quiet_NaN()
                                  : (pairs ? paired(*values_a[i], *values_b[i]) : welch(sa, sb));
    difference.low = difference.change - half;
    difference.high = difference.change + half;
    differences.push_back(std::move(difference));
  }
  return differences;
}

std::string comparison_table(const std::vector<Difference>& differences, const std::string& name_a,
                             const std::string& name_b) {
  constexpr std::size_t kNameMax = 12;
  std::vector<std::vector<std::string>> rows{{"", report::fitted(report::printable(name_a), kNameMax),
                                              report::fitted(report::printable(name_b), kNameMax), "change",
                                              "", "95 % interval", ""}};
  for (const Difference& d : differences)
    rows.push_back({d.metric, report::precise(d.a), report::precise(d.b), signed_number(d.change),
                    relative(d), interval(d), judged(d)});
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], report::columns(row[i]));
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - report::columns(row[i]), ' ');
      const bool words = i == 0 || i + 1 == row.size();
      line += (i == 0 ? "" : "  ") + (words ? row[i] + space : space + row[i]);
    }
    out.append(line.substr(0, line.find_last_not_of(' ') + 1)).append("\n");
  }
  return out;
}

std::vector<std::string> comparison_caveats(const std::vector<Result>& a, const std::vector<Result>& b) {
  std::vector<std::string> caveats;
  const auto limited = [&](const std::vector<Result>& side, const char* name) {
    const auto n = static_cast<std::uint64_t>(std::ranges::count_if(
        side, [](const Result& r) { return r.verdict.kind == Verdict::Kind::client_limited; }));
    if (n > 0)
      caveats.push_back(report::count(n) + " of " + report::counted(side.size(), "run") + " of " + name +
                        (n == 1 ? " was" : " were") + " CLIENT-LIMITED: the figures are not the server's.");
  };
  limited(a, "A");
  limited(b, "B");
  if (a.empty() || b.empty()) return caveats;
  for (const auto& [what, text] : kConditions) {
    const std::string first = text(a.front().setup);
    for (const auto* side : {&a, &b}) {
      const auto other =
          std::ranges::find_if(*side, [&](const Result& result) { return text(result.setup) != first; });
      if (other == side->end()) continue;
      caveats.push_back(std::string{"The "} + what + " differs: \"" + first + "\" and \"" +
                        text(other->setup) + "\".");
      break;
    }
  }
  return caveats;
}

}  // namespace sluice::loadgen
