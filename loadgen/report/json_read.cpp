#include <algorithm>
#include <cmath>
#include <limits>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "loadgen/error.hpp"
#include "loadgen/report/fields.hpp"
#include "loadgen/report/json.hpp"

namespace sluice::loadgen {
namespace {

namespace json = boost::json;

// A file of anybody must neither exhaust memory nor overflow a sum later on.
constexpr double kNumberMax = 1e15;
constexpr std::uint64_t kHistogramCountMax = std::uint64_t{1} << 53;
constexpr std::size_t kElementsMax = 1'000'000;
constexpr std::size_t kMembersMax = 1000;  // of a table of figures: a server publishes some dozens
constexpr std::size_t kNameMax = 200;
constexpr std::size_t kTextMax = 64 * 1024;

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw RunError("not a result of sluice-load: " + path + " " + what);
}

std::string below(const std::string& path, std::string_view name) {
  return path.empty() ? std::string{name} : path + "." + std::string{name};
}

const json::object& object_of(const json::value& value, const std::string& path) {
  const auto* object = value.if_object();
  if (object == nullptr) refuse(path, "is not an object.");
  return *object;
}

const json::array& array_of(const json::value& value, const std::string& path) {
  const auto* array = value.if_array();
  if (array == nullptr) refuse(path, "is not an array.");
  if (array->size() > kElementsMax) refuse(path, "has too many elements.");
  return *array;
}

const json::value* find(const json::object& object, std::string_view name) {
  return object.if_contains(json::string_view{name.data(), name.size()});
}

const json::value& need(const json::object& object, std::string_view name, const std::string& path) {
  const auto* value = find(object, name);
  if (value == nullptr) refuse(below(path, name), "is missing.");
  return *value;
}

void read(const json::value& value, std::uint64_t& to, const std::string& path) {
  if (value.is_uint64())
    to = value.get_uint64();
  else if (value.is_int64() && value.get_int64() >= 0)
    to = static_cast<std::uint64_t>(value.get_int64());
  else
    refuse(path, "is not a whole number from 0.");
}

void read(const json::value& value, unsigned& to, const std::string& path) {
  std::uint64_t wide = 0;
  read(value, wide, path);
  if (wide > std::numeric_limits<unsigned>::max()) refuse(path, "is out of bounds.");
  to = static_cast<unsigned>(wide);
}

void read(const json::value& value, double& to, const std::string& path) {
  if (!value.is_number()) refuse(path, "is not a number.");
  to = value.is_double() ? value.get_double() : value.to_number<double>();
  if (!(std::abs(to) <= kNumberMax)) refuse(path, "is out of bounds.");
}

void read(const json::value& value, bool& to, const std::string& path) {
  if (!value.is_bool()) refuse(path, "is neither true nor false.");
  to = value.get_bool();
}

void read(const json::value& value, std::string& to, const std::string& path) {
  if (!value.is_string()) refuse(path, "is not a string.");
  if (value.get_string().size() > kTextMax) refuse(path, "is too long.");
  to.assign(value.get_string().data(), value.get_string().size());
}

void read(const json::value& value, std::map<std::string, double>& to, const std::string& path) {
  const json::object& object = object_of(value, path);
  if (object.size() > kMembersMax) refuse(path, "has too many members.");
  for (const auto& member : object) {
    const std::string name{member.key()};
    if (name.size() > kNameMax) refuse(path, "has a member with too long a name.");
    read(member.value(), to[name], below(path, name));
  }
}

Histogram::Duration read_ns(const json::object& object, std::string_view name, Histogram::Duration max,
                            const std::string& path) {
  std::uint64_t ns = 0;
  read(need(object, name, path), ns, below(path, name));
  if (ns > static_cast<std::uint64_t>(max.count())) refuse(below(path, name), "is out of bounds.");
  return Histogram::Duration{static_cast<Histogram::Duration::rep>(ns)};
}

void read(const json::value& value, Histogram& to, const std::string& path) {
  const json::object& object = object_of(value, path);
  if (object.empty()) return;
  std::vector<Histogram::Bucket> buckets;
  std::uint64_t total = 0;
  const std::string list = below(path, "buckets");
  for (const json::value& element : array_of(need(object, "buckets", path), list)) {
    const json::array& pair = array_of(element, list);
    if (pair.size() != 2) refuse(list, "has an element that is not [upper bound in µs, count].");
    Histogram::Bucket bucket{};
    read(pair[0], bucket.upper_us, list);
    read(pair[1], bucket.count, list);
    if (bucket.count > kHistogramCountMax - total) refuse(list, "counts too much.");
    if (!buckets.empty() && bucket.upper_us <= buckets.back().upper_us) refuse(list, "is not ascending.");
    total += bucket.count;
    buckets.push_back(bucket);
  }
  const auto min = read_ns(object, "min_ns", Histogram::kMax, path);
  const auto max = read_ns(object, "max_ns", Histogram::kMax, path);
  const auto sum = read_ns(object, "sum_ns", Histogram::Duration::max(), path);
  std::uint64_t count = 0;
  read(need(object, "count", path), count, below(path, "count"));
  if (min > max) refuse(path, "has a minimum above its maximum.");
  if (count != total) refuse(path, "has a count that is not the sum of its buckets.");
  to = Histogram::restore(buckets, min, max, sum);
}

class Reader {
 public:
  Reader(const json::object& object, std::string path) : object_(object), path_(std::move(path)) {}

  template <class T>
  void operator()(std::string_view name, T& member) {
    if constexpr (std::same_as<T, Histogram>) {
      if (const auto* value = find(object_, name)) read(*value, member, below(path_, name));
    } else {
      read_any(need(object_, name, path_), member, below(path_, name));
    }
  }

  template <class T, std::size_t N, class... Inner>
  void operator()(std::string_view name, std::array<T, N>& elements,
                  const std::array<std::string_view, N>& names, const Inner&... inner) {
    if (const auto* value = find(object_, name)) named(*value, below(path_, name), elements, names, inner...);
  }

 private:
  template <class T>
  static void read_any(const json::value& value, T& to, const std::string& path) {
    if constexpr (requires { read(value, to, path); })
      read(value, to, path);
    else
      report::fields(Reader{object_of(value, path), path}, to);
  }
  template <class T>
  static void read_any(const json::value& value, std::vector<T>& to, const std::string& path) {
    for (const json::value& element : array_of(value, path)) {
      to.emplace_back();
      read_any(element, to.back(), path);
    }
  }

  template <class T, std::size_t N, class... Inner>
  static void named(const json::value& value, const std::string& path, std::array<T, N>& elements,
                    const std::array<std::string_view, N>& names, const Inner&... inner) {
    for (const auto& member : object_of(value, path)) {
      const std::string_view key{member.key().data(), member.key().size()};
      const auto* known = std::ranges::find(names, key);
      if (known == names.end()) refuse(below(path, key), "is not a name of this version.");
      T& element = elements[static_cast<std::size_t>(known - names.begin())];
      if constexpr (sizeof...(Inner) == 0)
        read_any(member.value(), element, below(path, key));
      else
        named(member.value(), below(path, key), element, inner...);
    }
  }

  const json::object& object_;
  std::string path_;
};

void read_states(const json::object& object, const std::vector<std::string>& names, Tally& tally,
                 const std::string& path) {
  const auto* value = find(object, "states");
  if (value == nullptr) return;
  const json::array& array = array_of(*value, path);
  if (array.size() > names.size()) refuse(path, "has more states than the setup.");
  tally.states.resize(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    const json::object& state = object_of(array[i], path);
    std::string name;
    read(need(state, "name", path), name, path + ".name");
    if (name != names[i]) refuse(path, "are not those of the setup.");
    report::fields(Reader{state, path}, tally.states[i]);
  }
}

void read_tally(const json::object& root, std::string_view name, const std::vector<std::string>& states,
                Tally& tally) {
  const std::string path{name};
  const json::object& object = object_of(need(root, name, ""), path);
  report::fields(Reader{object, path}, tally);
  read_states(object, states, tally, path + ".states");
}

Verdict read_verdict(const json::object& object) {
  Verdict verdict;
  std::string kind;
  Reader reader{object, "verdict"};
  reader("kind", kind), reader("reasons", verdict.reasons);
  reader("own_cpu", verdict.own_cpu), reader("lag_p99_ms", verdict.lag_p99_ms);
  const auto* known = std::ranges::find(report::kVerdictNames, kind);
  if (known == report::kVerdictNames.end()) refuse("verdict.kind", "is not one of this version.");
  verdict.kind = static_cast<Verdict::Kind>(known - report::kVerdictNames.begin());
  return verdict;
}

std::vector<LimitOutcome> read_limits(const json::object& root) {
  std::vector<LimitOutcome> limits;
  const auto* value = find(root, "limits");
  if (value == nullptr) return limits;
  for (const json::value& element : array_of(*value, "limits")) {
    const json::object& object = object_of(element, "limits");
    LimitOutcome limit{"", std::numeric_limits<double>::quiet_NaN(), false};
    read(need(object, "text", "limits"), limit.text, "limits.text");
    read(need(object, "ok", "limits"), limit.ok, "limits.ok");
    if (const auto* actual = find(object, "actual")) read(*actual, limit.actual, "limits.actual");
    limits.push_back(std::move(limit));
  }
  return limits;
}

}  // namespace

Result result_from_json(const json::value& value) {
  const json::object& root = object_of(value, "the document");
  std::string schema;
  read(need(root, "schema", ""), schema, "schema");
  if (schema != kResultSchema)
    refuse("schema", "is \"" + schema.substr(0, 60) + "\", not \"" + std::string{kResultSchema} + "\".");
  Result result;
  Reader reader{root, ""};
  reader("setup", result.setup), reader("window_s", result.window_s), reader("series", result.series);
  read_tally(root, "window", result.setup.states, result.window);
  read_tally(root, "warmup", result.setup.states, result.warmup);
  read_tally(root, "tail", result.setup.states, result.tail);
  if (const auto* server = find(root, "server"))
    report::fields(Reader{object_of(*server, "server"), "server"}, result.server);
  result.verdict = read_verdict(object_of(need(root, "verdict", ""), "verdict"));
  result.limits = read_limits(root);
  return result;
}

}  // namespace sluice::loadgen
