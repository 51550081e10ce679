#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/auction/web/html.hpp"

/// Pages without logic: the part of mustache(5) that the shop uses, parsed once into a flat list of steps.
///
///     {{name}}              text (escaped) or Html (as it is)
///     {{#name}}..{{/name}}  once for a true flag or a text that isn't empty, once per row of a list
///     {{^name}}..{{/name}}  when there is none of that
///     {{>file}} {{!note}}   another template in place; nothing
///
/// Of our own because kainjow's renderer makes a component of every blank and copies every row: 18 us for a
/// page of 6 KB against some 3 us here. Also, it can't be shared by threads, and leaves the choice to escape
/// to the template.
namespace sluice::auction::web {

/// The values of one page or one row, by name. Names must be literals; of a repeated one the last counts.
class Values {
 public:
  using List = std::vector<Values>;

  Values& text(std::string_view name, std::string text);
  Values& html(std::string_view name, Html html);
  /// Markup that lives longer than the rendering.
  Values& borrowed(std::string_view name, std::string_view markup);
  Values& number(std::string_view name, std::int64_t number);
  Values& flag(std::string_view name, bool on);
  Values& list(std::string_view name, List rows);

  struct Value {
    std::string_view name;
    enum class Kind : std::uint8_t { text, html, borrowed, flag, list } kind = Kind::flag;
    bool on = false;   ///< Whether a section of that name is shown.
    std::string text;  ///< Or markup.
    std::string_view borrowed{};
    List rows;
  };
  /// Null when absent. Borrowed.
  const Value* find(std::string_view name) const noexcept;

 private:
  static constexpr std::size_t kUsual = 16;  // values of a row
  Value& add(std::string_view name, Value::Kind kind, bool on);

  std::vector<Value> values_;
};

/// Immutable, so any thread may render it.
class Template {
 public:
  /// Text of the template that `{{>name}}` includes.
  using Include = std::function<std::string(std::string_view name)>;

  /// Indentation and lines that hold nothing but a tag of structure leave no trace. Throws
  /// std::invalid_argument on a tag that isn't closed or not known.
  explicit Template(std::string_view source, const Include& include = {});

  /// Every `{{name}}` must be there.
  void render(const Values& values, std::string& out) const;
  std::string render(const Values& values) const;

 private:
  struct Step {
    enum class Kind : std::uint8_t { literal, value, section, inverted } kind;
    std::string text;      // literal: the markup; otherwise the name
    std::size_t next = 0;  // of a section: the step behind its end
  };
  struct Scope {
    const Values* values;
    const Scope* outer;
  };

  void parse(std::string_view source, const Include& include, unsigned depth);
  void tag(std::string_view tag, const Include& include, unsigned depth);
  void literal(std::string_view text);
  void run(std::size_t from, std::size_t to, const Scope& scope, std::string& out) const;
  void section(std::size_t at, const Scope& scope, std::string& out) const;

  std::vector<Step> steps_;
  std::vector<std::size_t> open_;  // sections being parsed
};

}  // namespace sluice::auction::web
