#include "server/settings.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>
#include <span>

#include <toml++/toml.h>

namespace sluice::server {

namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// A number and one of the units; `factor` of an absent unit is that of the empty name, if listed.
struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number(text.substr(0, digits));
  for (const Unit& unit : units) {
    if (!number || unit.name != text.substr(digits)) continue;
    if (*number > UINT64_MAX / unit.factor) return std::nullopt;
    return *number * unit.factor;
  }
  return std::nullopt;
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string show_duration(Settings::Duration value) {
  const auto ms = value.count();
  if (ms != 0 && ms % 3'600'000 == 0) return toml_text(std::to_string(ms / 3'600'000) + "h");
  if (ms != 0 && ms % 60'000 == 0) return toml_text(std::to_string(ms / 60'000) + "m");
  if (ms % 1000 == 0) return toml_text(std::to_string(ms / 1000) + "s");
  return toml_text(std::to_string(ms) + "ms");
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

/// Levenshtein distance, for "did you mean".
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

const std::string* as_text(const auto& value) { return std::get_if<std::string>(&value); }

/// A number, or a text that `parse` makes one.
template <class Parse>
std::optional<std::uint64_t> as_number(const auto& value, Parse parse) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (*number < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*number);
  }
  const auto* text = as_text(value);
  return text ? parse(*text) : std::nullopt;
}

}  // namespace

std::optional<Settings::Duration> parse_duration(std::string_view text) {
  static constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  const auto ms = parse_with_unit(text, kUnits);
  if (!ms || *ms > static_cast<std::uint64_t>(Settings::Duration::max().count())) return std::nullopt;
  return Settings::Duration{*ms};
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  static constexpr Unit kUnits[] = {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  return parse_with_unit(text, kUnits);
}

void Settings::add_key(std::string name, std::string help, Setter set, std::function<std::string()> show) {
  keys_.push_back(
      Key{.name = std::move(name), .help = std::move(help), .set = std::move(set), .show = std::move(show)});
}

void Settings::add(std::string key, std::string& target, std::string help) {
  add(std::move(key), target, std::move(help), [](const std::string& text) { return text; });
}

void Settings::add(std::string key, std::string& target, std::string help,
                   std::function<std::string(const std::string&)> shown) {
  const auto set = [&target](const Value& value) -> std::string {
    const auto* text = as_text(value);
    if (!text) return "expects a text";
    target = *text;
    return {};
  };
  add_key(std::move(key), std::move(help), set,
          [&target, shown = std::move(shown)] { return toml_text(shown(target)); });
}

void Settings::add(std::string key, std::filesystem::path& target, std::string help) {
  const auto set = [&target](const Value& value) -> std::string {
    const auto* text = as_text(value);
    if (!text) return "expects a path";
    target = *text;
    return {};
  };
  add_key(std::move(key), std::move(help), set, [&target] { return toml_text(target.string()); });
}

void Settings::add(std::string key, std::vector<std::string>& target, std::string help) {
  const auto set = [&target](const Value& value) -> std::string {
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
      target = *list;
    } else if (const auto* text = as_text(value)) {
      target = split_list(*text);
    } else {
      return "expects a text or a list of texts";
    }
    return {};
  };
  const auto show = [&target] {
    std::string out = "[";
    for (const auto& part : target) out += (out.size() > 1 ? ", " : "") + toml_text(part);
    return out + "]";
  };
  add_key(std::move(key), std::move(help), set, show);
}

void Settings::add(std::string key, bool& target, std::string help) {
  const auto set = [&target](const Value& value) -> std::string {
    const auto* text = as_text(value);
    if (const auto* flag = std::get_if<bool>(&value)) {
      target = *flag;
    } else if (text && (*text == "true" || *text == "false")) {
      target = *text == "true";
    } else {
      return "expects true or false";
    }
    return {};
  };
  add_key(std::move(key), std::move(help), set, [&target] { return std::string(target ? "true" : "false"); });
}

void Settings::add(std::string key, std::uint64_t& target, std::uint64_t min, std::uint64_t max,
                   std::string help) {
  const auto set = [&target, min, max](const Value& value) -> std::string {
    const auto number = as_number(value, parse_size);
    if (!number || *number < min || *number > max) {
      return "expects a number from " + std::to_string(min) + " to " + std::to_string(max);
    }
    target = *number;
    return {};
  };
  add_key(std::move(key), std::move(help), set, [&target] { return std::to_string(target); });
}

void Settings::add(std::string key, Duration& target, Duration min, Duration max, std::string help) {
  const auto set = [&target, min, max](const Value& value) -> std::string {
    const auto* text = as_text(value);
    const auto duration = text ? parse_duration(*text) : std::nullopt;
    if (!duration || *duration < min || *duration > max) {
      return "expects a duration from " + show_duration(min) + " to " + show_duration(max) +
             ", such as \"10s\"";
    }
    target = *duration;
    return {};
  };
  add_key(std::move(key), std::move(help), set, [&target] { return show_duration(target); });
}

void Settings::add_choice(std::string key, std::string& target, const std::vector<std::string>& words,
                          std::string help) {
  const auto set = [&target, words](const Value& value) -> std::string {
    const auto* text = as_text(value);
    if (text && std::find(words.begin(), words.end(), *text) != words.end()) {
      target = *text;
      return {};
    }
    std::string expected = "expects one of";
    for (const auto& word : words) expected += " " + toml_text(word);
    return expected;
  };
  add_key(std::move(key), std::move(help), set, [&target] { return toml_text(target); });
}

Settings::Key* Settings::find(std::string_view name) {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const Key& key) { return key.name == name; });
  return found == keys_.end() ? nullptr : &*found;
}

std::string Settings::unknown(std::string_view name) const {
  std::string text = "unknown key " + std::string(name);
  const auto nearest = std::min_element(keys_.begin(), keys_.end(), [&](const Key& a, const Key& b) {
    return distance(a.name, name) < distance(b.name, name);
  });
  if (nearest != keys_.end() && distance(nearest->name, name) <= 4)
    text += ", did you mean " + nearest->name + "?";
  return text;
}

void Settings::assign(Key& key, const Value& value, const std::string& where,
                      std::vector<Problem>& problems) {
  const std::string wrong = key.set(value);
  if (wrong.empty()) {
    key.origin = where;
  } else {
    problems.push_back({where, key.name + " " + wrong});
  }
}

/// Visits the leaves of a parsed file.
struct Settings::TomlWalk {
  Settings& settings;
  std::string file;
  std::vector<Problem>& problems;

  std::string where(const toml::node& node) const {
    const auto& at = node.source().begin;
    return file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
  }

  static std::optional<Value> value_of(const toml::node& node) {
    if (const auto* text = node.as_string()) return Value{text->get()};
    if (const auto* number = node.as_integer()) return Value{number->get()};
    if (const auto* flag = node.as_boolean()) return Value{flag->get()};
    const auto* array = node.as_array();
    if (!array) return std::nullopt;
    std::vector<std::string> list;
    for (const auto& element : *array) {
      const auto* text = element.as_string();
      if (!text) return std::nullopt;
      list.push_back(text->get());
    }
    return Value{std::move(list)};
  }

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(name.str());
      if (const auto* inner = node.as_table()) {
        this->table(*inner, key + ".");
        continue;
      }
      Key* known = settings.find(key);
      const auto value = value_of(node);
      if (!known) {
        problems.push_back({where(node), settings.unknown(key)});
      } else if (!value) {
        problems.push_back({where(node), key + " has a value of a kind that no key takes"});
      } else {
        settings.assign(*known, *value, where(node), problems);
      }
    }
  }
};

void Settings::apply_file(const std::filesystem::path& file, std::vector<Problem>& problems) {
  try {
    const toml::table root = toml::parse_file(file.string());
    TomlWalk{*this, file.string(), problems}.table(root, "");
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    std::string where = file.string();
    if (at.line > 0) where += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
    problems.push_back({std::move(where), std::string(error.description())});
  }
}

void Settings::apply_environment(std::vector<Problem>& problems) {
  for (Key& key : keys_) {
    std::string variable = "SLUICE_" + key.name;
    for (char& c : variable)
      c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (const char* text = std::getenv(variable.c_str())) {
      assign(key, Value{std::string(text)}, "environment variable " + variable, problems);
    }
  }
}

void Settings::apply_flag(std::string_view assignment, std::vector<Problem>& problems) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    problems.push_back({"--set", "expects key=value, not " + toml_text(assignment)});
    return;
  }
  const auto name = assignment.substr(0, equals);
  if (Key* key = find(name)) {
    assign(*key, Value{std::string(assignment.substr(equals + 1))}, "--set", problems);
  } else {
    problems.push_back({"--set", unknown(name)});
  }
}

std::vector<Settings::Line> Settings::lines() const {
  std::vector<Line> lines;
  for (const Key& key : keys_) lines.push_back({key.name, key.show(), key.origin, key.help});
  return lines;
}

}  // namespace sluice::server
