#include "loadgen/verdict.hpp"

#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace sluice::loadgen {
namespace {

constexpr double kOwnCpuMax = 0.85;
constexpr double kLagMaxMs = 10;
constexpr double kArrivalsOff = 0.01;
constexpr double kServerBusy = 0.85;

[[gnu::format(printf, 1, 2)]] std::string sentence(const char* format, ...) {
  char text[400];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

/// What the generator itself got wrong; empty when it kept up.
std::vector<std::string> own_limits(const VerdictInput& input) {
  std::vector<std::string> reasons;
  if (input.own_cpu > kOwnCpuMax)
    reasons.push_back(
        sentence("The busiest thread of the generator needed %.0f %% of a CPU (limit 85 %%): give "
                 "it more --threads or CPUs, or spread the load over machines and merge.",
                 100 * input.own_cpu));
  if (input.lag_p99_ms > kLagMaxMs)
    reasons.push_back(
        sentence("The generator was late by %.1f ms (p99, limit 10 ms) with what it had planned: "
                 "something else takes its CPU, or the load is too high for it.",
                 input.lag_p99_ms));
  // One arrival to either side is the edge of the window, not a deviation.
  const double off = input.started - input.planned;
  if (input.planned > 0 && std::abs(off) > kArrivalsOff * input.planned && std::abs(off) > 1)
    reasons.push_back(
        sentence("%.0f arrivals started where the schedule wanted %.0f (%+.1f %%, limit 1 %%): the "
                 "generator did not keep the rate.",
                 input.started, input.planned, 100 * off / input.planned));
  if (input.no_ports > 0)
    reasons.push_back(sentence("%llu connections found no free local port: give several --source addresses.",
                               static_cast<unsigned long long>(input.no_ports)));
  if (input.no_descriptors > 0)
    reasons.push_back(sentence("%llu connections found no free file descriptor: raise `ulimit -n`.",
                               static_cast<unsigned long long>(input.no_descriptors)));
  return reasons;
}

std::string kept_up(const VerdictInput& input) {
  return sentence(
      "The generator kept up: its busiest thread needed %.0f %% of a CPU, and it was late by at most "
      "%.1f ms (p99).",
      100 * input.own_cpu, input.lag_p99_ms);
}

std::string about_server(const VerdictInput& input) {
  const auto unsuccessful = static_cast<unsigned long long>(input.unsuccessful);
  if (!input.server_cpu_share && input.unsuccessful == 0)
    return "Whether the server was at its limit is not known: nobody was turned away, and its CPU was not "
           "measured (--metrics).";
  if (!input.server_cpu_share)
    return sentence("The server refused or lost %llu sessions; its CPU was not measured (--metrics).",
                    unsuccessful);
  return sentence("The server used %.0f %% of its CPU and refused or lost %llu sessions.",
                  100 * *input.server_cpu_share, unsuccessful);
}

}  // namespace

Verdict judge(const VerdictInput& input) {
  Verdict verdict{Verdict::Kind::client_limited, own_limits(input), input.own_cpu, input.lag_p99_ms};
  if (!verdict.reasons.empty()) return verdict;
  verdict.reasons.push_back(kept_up(input));
  if (input.server_cpu_share && *input.server_cpu_share < kServerBusy && input.unsuccessful == 0) {
    verdict.kind = Verdict::Kind::server_not_saturated;
    verdict.reasons.push_back(
        sentence("The server used %.0f %% of its CPU and turned nobody away: it can take more, "
                 "so raise the load to see its limit.",
                 100 * *input.server_cpu_share));
    return verdict;
  }
  verdict.kind = Verdict::Kind::valid;
  verdict.reasons.push_back(about_server(input));
  return verdict;
}

}  // namespace sluice::loadgen
