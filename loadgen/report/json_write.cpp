#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "loadgen/limits.hpp"
#include "loadgen/report/fields.hpp"
#include "loadgen/report/json.hpp"

namespace sluice::loadgen {
namespace {

namespace json = boost::json;

double finite(double value) { return std::isfinite(value) ? value : 0; }

json::string_view view(std::string_view text) { return {text.data(), text.size()}; }

/// Milliseconds to the microsecond.
double ms(Histogram::Duration value) {
  return std::round(std::chrono::duration<double, std::micro>(value).count()) / 1000;
}

json::object write(const Histogram& histogram) {
  json::array buckets;
  for (const auto& [upper_us, count] : histogram.buckets()) buckets.push_back(json::array{upper_us, count});
  return {{"count", histogram.count()},
          {"min_ns", histogram.min().count()},
          {"max_ns", histogram.max().count()},
          {"sum_ns", histogram.sum().count()},
          {"mean_ms", ms(histogram.mean())},
          {"p50_ms", ms(histogram.quantile(0.5))},
          {"p90_ms", ms(histogram.quantile(0.9))},
          {"p95_ms", ms(histogram.quantile(0.95))},
          {"p99_ms", ms(histogram.quantile(0.99))},
          {"p999_ms", ms(histogram.quantile(0.999))},
          {"buckets", std::move(buckets)}};
}

/// Zero, or nothing but zeros: left out of tables of names.
bool blank(const json::value& value) {
  if (const auto* object = value.if_object())
    return std::ranges::all_of(*object, [](const auto& member) { return blank(member.value()); });
  return value.is_uint64() && value.get_uint64() == 0;
}

class Writer {
 public:
  json::object take() { return std::move(out_); }

  template <class T>
  void operator()(std::string_view name, const T& member) {
    if constexpr (std::same_as<T, Histogram>) {
      if (!member.empty()) out_[view(name)] = write(member);
    } else {
      out_[view(name)] = value_of(member);
    }
  }

  template <class T, std::size_t N, class... Inner>
  void operator()(std::string_view name, const std::array<T, N>& elements,
                  const std::array<std::string_view, N>& names, const Inner&... inner) {
    json::object table = named(elements, names, inner...);
    if (!table.empty()) out_[view(name)] = std::move(table);
  }

 private:
  static json::value value_of(std::uint64_t number) { return number; }
  static json::value value_of(unsigned number) { return std::uint64_t{number}; }
  static json::value value_of(double number) { return finite(number); }
  static json::value value_of(const std::string& text) { return view(text); }
  static json::value value_of(const Histogram& histogram) {
    return histogram.empty() ? json::object{} : write(histogram);
  }
  static json::value value_of(const std::map<std::string, double>& values) {
    json::object object;
    for (const auto& [name, value] : values)
      if (std::isfinite(value)) object[view(name)] = value;
    return object;
  }
  template <class T>
  static json::value value_of(const std::vector<T>& elements) {
    json::array array;
    for (const T& element : elements) array.push_back(value_of(element));
    return array;
  }
  template <class T>
  static json::value value_of(const T& object) {
    Writer writer;
    report::fields(writer, object);
    return writer.take();
  }

  template <class T, std::size_t N, class... Inner>
  static json::object named(const std::array<T, N>& elements, const std::array<std::string_view, N>& names,
                            const Inner&... inner) {
    json::object table;
    for (std::size_t i = 0; i < N; ++i) {
      json::value value;
      if constexpr (sizeof...(Inner) == 0)
        value = value_of(elements[i]);
      else
        value = named(elements[i], inner...);
      if (!blank(value)) table[view(names[i])] = std::move(value);
    }
    return table;
  }

  json::object out_;
};

template <class T>
json::object write(const T& object) {
  Writer writer;
  report::fields(writer, object);
  return writer.take();
}

json::object write_tally(const Tally& tally, const std::vector<std::string>& names) {
  json::object object = write(tally);
  json::array states;
  for (std::size_t i = 0; i < std::min(tally.states.size(), names.size()); ++i) {
    json::object state{{"name", view(names[i])}};
    for (auto& member : write(tally.states[i])) state.insert(member);
    states.push_back(std::move(state));
  }
  if (!states.empty()) object["states"] = std::move(states);
  return object;
}

json::object write_figures(const Result& result) {
  const Tally measured = result.measured();
  json::object figures;
  for (const Metric& metric : metrics())
    if (const auto value = metric.value(result, measured); value && std::isfinite(*value))
      figures[view(metric.name)] = *value;
  return figures;
}

json::object write_verdict(const Verdict& verdict) {
  json::array reasons;
  for (const std::string& reason : verdict.reasons) reasons.push_back(view(reason));
  return {{"kind", view(report::kVerdictNames.at(static_cast<std::size_t>(verdict.kind)))},
          {"reasons", std::move(reasons)},
          {"own_cpu", finite(verdict.own_cpu)},
          {"lag_p99_ms", finite(verdict.lag_p99_ms)}};
}

json::array write_limits(const std::vector<LimitOutcome>& limits) {
  json::array array;
  for (const LimitOutcome& limit : limits) {
    json::object object{{"text", view(limit.text)}, {"ok", limit.ok}};
    if (std::isfinite(limit.actual)) object["actual"] = limit.actual;
    array.push_back(std::move(object));
  }
  return array;
}

/// Shortest text that reads back as the same number; Boost writes 1.5 as 1.5E0.
void append_number(std::string& out, double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  out.append(text, error == std::errc{} ? end : text);
}

/// Objects and arrays of objects go over several lines down to `levels`, all else stays on one.
void append(std::string& out, const json::value& value, unsigned levels, std::size_t indent) {
  const auto list = [&](const auto& elements, char open, char close, const auto& each) {
    const bool lines = levels > 0 && !elements.empty();
    out += open;
    bool first = true;
    for (const auto& element : elements) {
      if (!first) out += lines ? "," : ", ";
      if (lines) out.append("\n").append(indent + 2, ' ');
      each(element);
      first = false;
    }
    if (lines) out.append("\n").append(indent, ' ');
    out += close;
  };
  const unsigned inner = levels > 0 ? levels - 1 : 0;
  if (const auto* object = value.if_object()) {
    list(*object, '{', '}', [&](const auto& member) {
      out.append(json::serialize(member.key())).append(": ");
      append(out, member.value(), inner, indent + 2);
    });
  } else if (const auto* array = value.if_array()) {
    list(*array, '[', ']', [&](const auto& element) { append(out, element, inner, indent + 2); });
  } else if (const auto* number = value.if_double()) {
    append_number(out, *number);
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

json::object to_json(const Result& result) {
  const auto& states = result.setup.states;
  json::object object{{"schema", view(kResultSchema)},
                      {"setup", write(result.setup)},
                      {"verdict", write_verdict(result.verdict)},
                      {"figures", write_figures(result)}};
  if (!result.limits.empty()) object["limits"] = write_limits(result.limits);
  object["window_s"] = finite(result.window_s);
  object["window"] = write_tally(result.window, states);
  object["warmup"] = write_tally(result.warmup, states);
  object["tail"] = write_tally(result.tail, states);
  json::array series;
  for (const TimeBin& bin : result.series) series.push_back(write(bin));
  object["series"] = std::move(series);
  if (result.server.asked()) object["server"] = write(result.server);
  return object;
}

std::string json_text(const Result& result) {
  constexpr unsigned kLevels = 2;
  std::string out;
  append(out, to_json(result), kLevels, 0);
  return out + "\n";
}

}  // namespace sluice::loadgen
