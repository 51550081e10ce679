#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <optional>

#include <boost/algorithm/string/join.hpp>

#include "loadgen/error.hpp"
#include "loadgen/limits.hpp"
#include "loadgen/report/combine.hpp"
#include "loadgen/report/fields.hpp"
#include "loadgen/report/format.hpp"

namespace sluice::loadgen {
namespace {

constexpr double kWindowsOff_s = 1;  // one of them was stopped early, and its rates would be spread too thin

[[noreturn]] void refuse(const char* what, const std::string& x, const std::string& y) {
  throw UsageError("these results can't be merged: one has the " + std::string{what} + " \"" + x +
                   "\", another \"" + y + "\".");
}

void check_same(const Setup& a, const Setup& b) {
  if (a.mode != b.mode) refuse("mode", a.mode, b.mode);
  if (a.target != b.target) refuse("target", a.target, b.target);
  if (a.states != b.states) refuse("model", a.model, b.model);
  if (a.duration_s != b.duration_s)
    refuse("duration in s", report::precise(a.duration_s), report::precise(b.duration_s));
  if (a.warmup_s != b.warmup_s)
    refuse("warm-up in s", report::precise(a.warmup_s), report::precise(b.warmup_s));
}

/// Seconds since 1970 of "2025-01-02T03:04:05Z"; none of another text.
std::optional<double> seconds_of(const std::string& utc) {
  std::tm parts{};
  const char* end = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return static_cast<double>(::timegm(&parts));
}

/// All of equal duration, so the first and the last to begin tell.
void check_overlap(const std::vector<Result>& results) {
  std::map<double, std::string> starts;
  for (const Result& result : results)
    if (const auto start = seconds_of(result.setup.started_at)) starts[*start] = result.setup.started_at;
  if (starts.empty()) return;
  const auto &first = *starts.begin(), &last = *starts.rbegin();
  if (last.first - first.first >= results.front().setup.duration_s && starts.size() > 1)
    throw UsageError("these results can't be merged: one run began at " + first.second +
                     ", another when it was over, at " + last.second + ".");
}

/// "a", or "a + b" when they differ, each text once.
std::string joined(const std::vector<Result>& results, std::string Setup::*text) {
  std::vector<std::string> different;
  for (const Result& result : results)
    if (const std::string& one = result.setup.*text;
        !one.empty() && std::ranges::find(different, one) == different.end())
      different.push_back(one);
  return boost::algorithm::join(different, " + ");
}

void join_texts(Setup& to, const std::vector<Result>& results) {
  for (const auto text : {&Setup::version, &Setup::load, &Setup::model, &Setup::think, &Setup::tls,
                          &Setup::resume, &Setup::retry, &Setup::attack, &Setup::label})
    to.*text = joined(results, text);
}

void add_setup(Setup& to, const Setup& from) {
  to.started_at = std::min(to.started_at, from.started_at);
  to.offered_per_s += from.offered_per_s;
  to.threads += from.threads;
  to.generators += from.generators;
}

struct Collect {
  std::vector<std::uint64_t>& counts;
  std::vector<double>& figures;
  void operator()(std::string_view, std::uint64_t value) const { counts.push_back(value); }
  void operator()(std::string_view, double value) const { figures.push_back(value); }
};

/// Counts add up; of the rest the greater stands.
struct Combine {
  const std::vector<std::uint64_t>& counts;
  const std::vector<double>& figures;
  std::size_t next_count = 0, next_figure = 0;
  void operator()(std::string_view, std::uint64_t& value) { value += counts[next_count++]; }
  void operator()(std::string_view, double& value) { value = std::max(value, figures[next_figure++]); }
};

/// Mean over the replies of both.
double joint_mean(const TimeBin& a, const TimeBin& b) {
  const auto na = static_cast<double>(a.replies), nb = static_cast<double>(b.replies);
  return na + nb == 0 ? 0 : (a.mean_ms * na + b.mean_ms * nb) / (na + nb);
}

void add_bin(TimeBin& to, const TimeBin& from) {
  const double mean = joint_mean(to, from);
  std::vector<std::uint64_t> counts;
  std::vector<double> figures;
  report::fields(Collect{counts, figures}, from);
  report::fields(Combine{counts, figures}, to);
  to.mean_ms = mean;
}

/// Seconds of the same number become one.
std::vector<TimeBin> overlaid(const std::vector<Result>& results) {
  std::map<double, TimeBin> seconds;
  for (const Result& result : results)
    for (const TimeBin& bin : result.series) {
      const auto [place, added] = seconds.try_emplace(std::floor(bin.t), bin);
      if (!added) add_bin(place->second, bin);
    }
  std::vector<TimeBin> series;
  for (auto& [second, bin] : seconds) {
    bin.t = second;
    series.push_back(bin);
  }
  return series;
}

int severity(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::client_limited: return 2;
    case Verdict::Kind::valid: return 1;
    case Verdict::Kind::server_not_saturated: return 0;
  }
  return 0;
}

/// One generator at its limit spoils all. Otherwise, one to which the server refused work shows that it was
/// at its limit.
Verdict worst(const std::vector<Result>& results) {
  Verdict verdict = results.front().verdict;
  verdict.reasons.clear();
  for (const Result& result : results) {
    if (severity(result.verdict.kind) > severity(verdict.kind)) verdict.kind = result.verdict.kind;
    verdict.own_cpu = std::max(verdict.own_cpu, result.verdict.own_cpu);
    verdict.lag_p99_ms = std::max(verdict.lag_p99_ms, result.verdict.lag_p99_ms);
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].verdict.kind != verdict.kind) continue;
    const std::string who = results.size() > 1 ? "Generator " + std::to_string(i + 1) + ": " : "";
    for (const std::string& reason : results[i].verdict.reasons) verdict.reasons.push_back(who + reason);
  }
  return verdict;
}

std::vector<LimitOutcome> judged_again(const std::vector<Result>& results, const Result& merged) {
  std::vector<LimitOutcome> limits;
  for (const Result& result : results)
    for (const LimitOutcome& limit : result.limits)
      if (std::ranges::find(limits, limit.text, &LimitOutcome::text) == limits.end())
        limits.push_back(evaluate(parse_limit(limit.text), merged));
  return limits;
}

}  // namespace

Result merge(const std::vector<Result>& results) {
  if (results.empty()) throw UsageError("there is nothing to merge.");
  Result merged;
  merged.setup = results.front().setup;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Result& result = results[i];
    if (i > 0) {
      check_same(merged.setup, result.setup);
      add_setup(merged.setup, result.setup);
    }
    merged.window.add(result.window);
    merged.warmup.add(result.warmup);
    merged.tail.add(result.tail);
    if (std::abs(result.window_s - results.front().window_s) > kWindowsOff_s)
      refuse("measured window in s", report::precise(results.front().window_s),
             report::precise(result.window_s));
    merged.window_s = std::max(merged.window_s, result.window_s);
    if (!merged.server.asked()) merged.server = result.server;
  }
  check_overlap(results);
  join_texts(merged.setup, results);
  merged.series = overlaid(results);
  merged.verdict = worst(results);
  merged.limits = judged_again(results, merged);
  return merged;
}

}  // namespace sluice::loadgen
