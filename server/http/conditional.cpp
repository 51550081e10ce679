#include "server/http/conditional.hpp"

#include <algorithm>

#include "server/http/date.hpp"
#include "server/http/text.hpp"

namespace sluice::http {
namespace {

/// Whether the list names `etag` (strong). With `weak`, a weak tag of the same text counts too: nothing of
/// ours is ever weak, but an intermediary may have weakened it.
bool lists_etag(std::string_view list, std::string_view etag, bool weak) noexcept {
  if (list == "*") return true;
  while (!list.empty()) {
    list = trimmed(list);
    if (list.starts_with(',')) {
      list.remove_prefix(1);
      continue;
    }
    const bool is_weak = list.starts_with("W/");
    if (is_weak) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;
    const std::size_t close = list.find('"', 1);  // commas may stand between the quotes
    if (close == std::string_view::npos) return false;
    if (list.substr(0, close + 1) == etag && (weak || !is_weak)) return true;
    list.remove_prefix(close + 1);
  }
  return false;
}

/// RFC 9110 section 13.1.5.
bool if_range_holds(std::string_view value, const Validators& validators, WallSeconds now) noexcept {
  if (value.starts_with('"')) return value == validators.etag;
  const auto date = parse_http_date(value, now);
  // A date is a strong validator only when no second change can have fallen into the same second.
  return date && validators.last_modified && *date == *validators.last_modified &&
         now - *date > std::chrono::seconds{1};
}

}  // namespace

Precondition evaluate_preconditions(const Request& request, const Validators& validators, WallSeconds now) {
  const auto date_of = [&](std::string_view name) -> std::optional<WallSeconds> {
    const std::string_view value = request.field(name);
    return value.empty() ? std::nullopt : parse_http_date(value, now);
  };
  const auto modified = validators.last_modified;
  if (const auto list = request.field("if-match"); !list.empty()) {
    if (!lists_etag(list, validators.etag, false)) return Precondition::failed;
  } else if (const auto since = date_of("if-unmodified-since"); since && modified && *modified > *since) {
    return Precondition::failed;
  }
  if (const auto list = request.field("if-none-match"); !list.empty()) {
    if (lists_etag(list, validators.etag, true)) return Precondition::not_modified;
  } else if (const auto since = date_of("if-modified-since"); since && modified && *modified <= *since) {
    return Precondition::not_modified;
  }
  return Precondition::proceed;
}

Range select_range(const Request& request, const Validators& validators, std::uint64_t size,
                   WallSeconds now) {
  constexpr std::string_view kUnit = "bytes=";
  const Range whole{Range::Kind::whole, 0, size};
  const Range unsatisfiable{Range::Kind::unsatisfiable, 0, 0};
  std::string_view value = request.field("range");
  if (request.method != Verb::get || value.size() < kUnit.size() ||
      !equal_without_case(value.substr(0, kUnit.size()), kUnit)) {
    return whole;
  }
  const std::string_view condition = request.field("if-range");
  if (!condition.empty() && !if_range_holds(condition, validators, now)) return whole;

  value = trimmed(value.substr(kUnit.size()));
  const std::size_t dash = value.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view first_text = value.substr(0, dash);
  const std::string_view last_text = value.substr(dash + 1);
  const auto first = parse_decimal(first_text);
  const auto last = parse_decimal(last_text);
  if ((!first && !first_text.empty()) || (!last && !last_text.empty())) return whole;  // also several ranges
  if (!first) {
    if (!last) return whole;
    const std::uint64_t count = std::min(*last, size);
    return count == 0 ? unsatisfiable : Range{Range::Kind::part, size - count, count};
  }
  if (last && *last < *first) return whole;
  if (*first >= size) return unsatisfiable;
  const std::uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return {Range::Kind::part, *first, end - *first + 1};
}

}  // namespace sluice::http
