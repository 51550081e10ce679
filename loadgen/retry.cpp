#include "loadgen/retry.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace sluice::loadgen {

namespace {

using namespace std::chrono_literals;
using Wait = std::optional<std::chrono::nanoseconds>;

constexpr std::array<std::pair<Retry, std::string_view>, 4> kNames{
    {{Retry::none, "none"}, {Retry::browser, "browser"}, {Retry::curl, "curl"}, {Retry::urllib3, "urllib3"}}};

Wait bounded(std::optional<std::chrono::seconds> asked) noexcept {
  if (!asked) return std::nullopt;
  return std::clamp<std::chrono::seconds>(*asked, 0s, 6h);
}

Wait browser(const Refusal& refusal) noexcept {
  constexpr std::array<std::chrono::seconds, 4> kReloads{1s, 5s, 30s, 60s};
  constexpr unsigned kRefreshesMax = 10;
  if (refusal.cause == Cause::http_503)
    return refusal.tries <= kRefreshesMax ? bounded(refusal.refresh) : std::nullopt;
  const auto reload = (refusal.tries - 1) / 2;  // page loads before this one
  if (reload > kReloads.size()) return std::nullopt;
  if (refusal.tries % 2 == 1) return 0s;
  if (refusal.cause == Cause::alert || reload == kReloads.size()) return std::nullopt;
  return kReloads[reload];
}

Wait curl(const Refusal& refusal) noexcept {
  if (refusal.cause != Cause::http_503 || refusal.tries > 2) return std::nullopt;
  if (refusal.retry_after) return bounded(refusal.retry_after);
  return refusal.tries == 1 ? 1s : 2s;
}

Wait urllib3(const Refusal& refusal, Random& random) noexcept {
  if (refusal.tries > 2) return std::nullopt;
  if (refusal.cause == Cause::http_503 && refusal.retry_after) return bounded(refusal.retry_after);
  if (refusal.tries == 1) return 0s;
  return 200ms + std::chrono::microseconds{random.below(100'000)};
}

}  // namespace

std::optional<Retry> parse_retry(std::string_view name) noexcept {
  for (const auto& [retry, known] : kNames)
    if (name == known) return retry;
  return std::nullopt;
}

std::string_view name_of(Retry retry) noexcept { return kNames[static_cast<std::size_t>(retry)].second; }

std::optional<std::chrono::nanoseconds> next_try(Retry model, const Refusal& refusal,
                                                 Random& random) noexcept {
  switch (refusal.cause) {
    case Cause::rst:
    case Cause::fin:
    case Cause::alert:
    case Cause::http_503: break;
    default: return std::nullopt;
  }
  switch (model) {
    case Retry::none: return std::nullopt;
    case Retry::browser: return browser(refusal);
    case Retry::curl: return curl(refusal);
    case Retry::urllib3: return urllib3(refusal, random);
  }
  return std::nullopt;
}

}  // namespace sluice::loadgen
