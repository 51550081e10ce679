#include "loadgen/model/page_facts.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace sluice::loadgen {

namespace {

constexpr std::string_view kBlanks = " \t\r\n\f";

/// The number in front of the first terminator of `text`.
template <class Number>
std::optional<Number> number_at(std::string_view text) noexcept {
  constexpr std::size_t kDigitsMax = 48;
  text = text.substr(0, kDigitsMax);
  const auto size = text.find_first_of("\"?&>");
  if (size == std::string_view::npos) return std::nullopt;
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + size, number);
  if (error != std::errc{} || end != text.data() + size) return std::nullopt;
  return number;
}

/// Every mark but two ends in '=', so that one pass from '=' to '=' that looks back from each finds all.
class Reader {
 public:
  Reader(std::string_view page, Random& random) noexcept : page_(page), random_(random) {}

  PageFacts read() noexcept {
    facts_.error = page_.find("ERROR") != std::string_view::npos;
    facts_.sorry = page_.find("Sorry") != std::string_view::npos;
    for (auto at = page_.find('='); at != std::string_view::npos; at = page_.find('=', at + 1))
      take(page_.substr(0, at), page_.substr(at + 1));
    return facts_;
  }

 private:
  void take(std::string_view before, std::string_view value) noexcept {
    if (before.ends_with("Id")) {
      if (before.ends_with("itemId")) take_item(value);
      if (before.ends_with("userId")) take_first(seen_.user, facts_.user_id, value);
    } else if (before.ends_with("to")) {
      take_first(seen_.to, facts_.to, value);
    } else if (before.ends_with("&page")) {
      take_page(value);
    } else if (before.ends_with(" value")) {
      take_field(before.substr(0, before.size() - 6), value);
    }
  }

  void take_field(std::string_view before, std::string_view value) noexcept {
    if (before.ends_with("name=maxQty")) take_first(seen_.max_qty, facts_.max_qty, value);
    if (before.ends_with("name=minBid")) {
      take_first(seen_.min_bid, facts_.min_bid, value);
      if (!std::isfinite(facts_.min_bid)) facts_.min_bid = -1;
    }
    if (before.ends_with("name=to")) take_first(seen_.to_value, facts_.to_value, value);
  }

  template <class Number>
  static void take_first(bool& seen, Number& fact, std::string_view value) noexcept {
    if (!seen) fact = number_at<Number>(value).value_or(Number{-1});
    seen = true;
  }

  /// Reservoir sampling: the n-th replaces the one picked so far with probability 1/n.
  void take_item(std::string_view value) noexcept {
    const auto id = number_at<std::int32_t>(value);
    if (id && random_.below(++items_) == 0) facts_.item_id = *id;
  }

  void take_page(std::string_view value) noexcept {
    if (pages_ == std::size(facts_.pages)) return;
    ++pages_;
    if (const auto number = number_at<std::int32_t>(value)) facts_.pages[good_pages_++] = *number;
  }

  std::string_view page_;
  Random& random_;
  PageFacts facts_;
  struct {
    bool user = false, to = false, max_qty = false, min_bid = false, to_value = false;
  } seen_;
  std::uint32_t items_ = 0;
  std::size_t pages_ = 0, good_pages_ = 0;
};

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

struct Attribute {
  std::string_view name, value;
};

/// Takes the next attribute off the front of the inside of a tag; none at its end. Quotes or none, as HTML
/// allows.
std::optional<Attribute> next_attribute(std::string_view& tag) noexcept {
  const auto start = tag.find_first_not_of(" \t\r\n\f/=\"'");
  if (start == std::string_view::npos) return std::nullopt;
  tag.remove_prefix(start);
  Attribute attribute;
  attribute.name = tag.substr(0, tag.find_first_of(" \t\r\n\f/=\"'"));
  tag.remove_prefix(attribute.name.size());
  const auto equals = tag.find_first_not_of(kBlanks);
  if (equals == std::string_view::npos || tag[equals] != '=') return attribute;
  const auto value = tag.find_first_not_of(kBlanks, equals + 1);
  if (value == std::string_view::npos) return attribute;
  tag.remove_prefix(value);
  const bool quoted = tag.front() == '"' || tag.front() == '\'';
  const auto end = quoted ? tag.find(tag.front(), 1) : tag.find_first_of(kBlanks);
  attribute.value = quoted ? tag.substr(1, std::min(end, tag.size()) - 1) : tag.substr(0, end);
  tag.remove_prefix(end == std::string_view::npos ? tag.size() : end + (quoted ? 1 : 0));
  return attribute;
}

/// Moves `page` behind the next tag of that name and gives its inside; none when there is no other. A tag
/// ends at the next angle bracket, also inside quotes: no URL and no refresh holds one unescaped.
std::optional<std::string_view> next_tag(std::string_view& page, std::string_view name) noexcept {
  for (auto at = page.find('<'); at != std::string_view::npos; at = page.find('<')) {
    page.remove_prefix(at + 1);
    if (!same_word(page.substr(0, name.size()), name)) continue;
    const auto tag = page.substr(name.size());
    if (tag.empty() || kBlanks.find(tag.front()) == std::string_view::npos) continue;
    return tag.substr(0, tag.find_first_of("<>"));
  }
  return std::nullopt;
}

void take_path(std::string_view path, std::vector<std::string>& paths) {
  constexpr std::size_t kPathMax = 2048;
  path = path.substr(0, path.find('#'));
  const bool absolute = path.starts_with('/') && !path.starts_with("//");  // "//" names another host
  const auto visible = [](char c) { return c > ' ' && c <= '~'; };
  if (!absolute || path.size() > kPathMax || !std::all_of(path.begin(), path.end(), visible)) return;
  paths.emplace_back(path);
}

}  // namespace

PageFacts read_page(std::string_view page, Random& random) noexcept { return Reader{page, random}.read(); }

std::vector<std::string> images_of(std::string_view page, std::size_t most, bool any_case) {
  std::vector<std::string> paths;
  if (any_case) {
    while (paths.size() < most) {
      auto tag = next_tag(page, "img");
      if (!tag) break;
      while (const auto attribute = next_attribute(*tag)) {
        if (!same_word(attribute->name, "src")) continue;
        take_path(attribute->value, paths);
        break;
      }
    }
    return paths;
  }
  constexpr std::string_view kMark = "<IMG SRC=\"";
  for (auto at = page.find(kMark); at != std::string_view::npos && paths.size() < most;
       at = page.find(kMark)) {
    page.remove_prefix(at + kMark.size());
    const auto end = page.find('"');
    if (end == std::string_view::npos) break;
    take_path(page.substr(0, end), paths);
  }
  return paths;
}

std::optional<std::uint32_t> refresh_of(std::string_view page) noexcept {
  while (auto tag = next_tag(page, "meta")) {
    bool refresh = false;
    std::string_view content;
    while (const auto attribute = next_attribute(*tag)) {
      if (same_word(attribute->name, "http-equiv")) refresh = same_word(attribute->value, "refresh");
      if (same_word(attribute->name, "content")) content = attribute->value;
    }
    if (!refresh) continue;
    content.remove_prefix(std::min(content.find_first_not_of(kBlanks), content.size()));
    std::uint32_t seconds = 0;
    const auto [end, error] = std::from_chars(content.data(), content.data() + content.size(), seconds);
    if (error == std::errc{}) return seconds;
  }
  return std::nullopt;
}

}  // namespace sluice::loadgen
