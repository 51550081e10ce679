#include "apps/auction/web/template.hpp"

#include <algorithm>
#include <cassert>
#include <stdexcept>

namespace sluice::auction::web {

namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";
constexpr unsigned kIncludeDepthMax = 8;

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// A line with one tag that prints nothing itself.
bool is_structure_only(std::string_view line) noexcept {
  return line.starts_with(kOpen) && line.size() > 4 && std::string_view{"#^/!>"}.find(line[2]) != line.npos &&
         line.find(kClose) == line.size() - kClose.size();
}

const Values::Value* find(const auto* scope, std::string_view name) noexcept {
  for (; scope != nullptr; scope = scope->outer) {
    if (const auto* value = scope->values->find(name)) return value;
  }
  return nullptr;
}

}  // namespace

Values::Value& Values::add(std::string_view name, Value::Kind kind, bool on) {
  if (values_.empty()) values_.reserve(kUsual);
  Value& value = values_.emplace_back();
  value.name = name;
  value.kind = kind;
  value.on = on;
  return value;
}

Values& Values::text(std::string_view name, std::string text) {
  const bool on = !text.empty();
  add(name, Value::Kind::text, on).text = std::move(text);
  return *this;
}

Values& Values::html(std::string_view name, Html html) {
  const bool on = !html.text.empty();
  add(name, Value::Kind::html, on).text = std::move(html.text);
  return *this;
}

Values& Values::borrowed(std::string_view name, std::string_view markup) {
  add(name, Value::Kind::borrowed, !markup.empty()).borrowed = markup;
  return *this;
}

Values& Values::number(std::string_view name, std::int64_t number) {
  return html(name, {std::to_string(number)});
}

Values& Values::flag(std::string_view name, bool on) {
  add(name, Value::Kind::flag, on);
  return *this;
}

Values& Values::list(std::string_view name, List rows) {
  const bool on = !rows.empty();
  add(name, Value::Kind::list, on).rows = std::move(rows);
  return *this;
}

const Values::Value* Values::find(std::string_view name) const noexcept {
  const auto last =
      std::find_if(values_.rbegin(), values_.rend(), [&](const Value& each) { return each.name == name; });
  return last != values_.rend() ? &*last : nullptr;
}

Template::Template(std::string_view source, const Include& include) {
  parse(source, include, 0);
  if (!open_.empty()) throw std::invalid_argument("section not closed: " + steps_[open_.back()].text);
}

void Template::parse(std::string_view source, const Include& include, unsigned depth) {
  if (depth > kIncludeDepthMax) throw std::invalid_argument("templates include one another");
  while (!source.empty()) {
    const auto end = source.find('\n');
    const std::string_view line = trimmed(source.substr(0, end));
    source.remove_prefix(end == std::string_view::npos ? source.size() : end + 1);
    if (line.empty()) continue;
    std::string_view rest = line;
    for (auto at = rest.find(kOpen); at != std::string_view::npos; at = rest.find(kOpen)) {
      literal(rest.substr(0, at));
      const auto close = rest.find(kClose, at);
      if (close == std::string_view::npos)
        throw std::invalid_argument("tag not closed: " + std::string{line});
      tag(rest.substr(at + kOpen.size(), close - at - kOpen.size()), include, depth);
      rest.remove_prefix(close + kClose.size());
    }
    literal(rest);
    if (!is_structure_only(line)) literal("\n");
  }
}

void Template::tag(std::string_view tag, const Include& include, unsigned depth) {
  if (tag.empty()) throw std::invalid_argument("empty tag");
  const auto name = [&] { return std::string{trimmed(tag.substr(1))}; };
  switch (tag.front()) {
    case '!': return;
    case '>':
      if (!include) throw std::invalid_argument("nothing to include from: " + name());
      return parse(include(name()), include, depth + 1);
    case '#':
    case '^':
      open_.push_back(steps_.size());
      steps_.push_back({tag.front() == '#' ? Step::Kind::section : Step::Kind::inverted, name()});
      return;
    case '/':
      if (open_.empty() || steps_[open_.back()].text != name()) {
        throw std::invalid_argument("section ends that did not begin: " + name());
      }
      steps_[open_.back()].next = steps_.size();
      open_.pop_back();
      return;
    default: steps_.push_back({Step::Kind::value, std::string{trimmed(tag)}});
  }
}

void Template::literal(std::string_view text) {
  if (text.empty()) return;
  // Joined with the literal before, unless a section ends between the two.
  const bool joins = !steps_.empty() && steps_.back().kind == Step::Kind::literal;
  bool section_ended = false;
  for (const Step& step : steps_) section_ended = section_ended || step.next == steps_.size();
  if (joins && !section_ended) {
    steps_.back().text += text;
  } else {
    steps_.push_back({Step::Kind::literal, std::string{text}});
  }
}

void Template::render(const Values& values, std::string& out) const {
  run(0, steps_.size(), Scope{&values, nullptr}, out);
}

std::string Template::render(const Values& values) const {
  std::string out;
  out.reserve(8192);
  render(values, out);
  return out;
}

void Template::run(std::size_t from, std::size_t to, const Scope& scope, std::string& out) const {
  for (std::size_t at = from; at < to;) {
    const Step& step = steps_[at];
    switch (step.kind) {
      case Step::Kind::literal:
        out += step.text;
        ++at;
        break;
      case Step::Kind::value: {
        const auto* value = find(&scope, step.text);
        assert(value != nullptr && "a template names a value that its page does not set");
        if (value != nullptr && value->kind == Values::Value::Kind::text) append_escaped(out, value->text);
        if (value != nullptr && value->kind == Values::Value::Kind::html) out += value->text;
        if (value != nullptr && value->kind == Values::Value::Kind::borrowed) out += value->borrowed;
        ++at;
        break;
      }
      case Step::Kind::section:
      case Step::Kind::inverted:
        section(at, scope, out);
        at = step.next;
        break;
    }
  }
}

void Template::section(std::size_t at, const Scope& scope, std::string& out) const {
  const Step& step = steps_[at];
  const auto* value = find(&scope, step.text);
  const bool on = value != nullptr && value->on;
  if (on != (step.kind == Step::Kind::section)) return;
  if (!on || value->kind != Values::Value::Kind::list) return run(at + 1, step.next, scope, out);
  for (const Values& row : value->rows) run(at + 1, step.next, Scope{&row, &scope}, out);
}

}  // namespace sluice::auction::web
