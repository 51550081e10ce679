#include "tools/samples.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace sluice::tools {

namespace {

struct Column {
  std::string_view name;
  int decimals = 0;
  double (*value)(const Decided&) = nullptr;
};

/// Counts are of the period; `session_us` is w, the CPU that a live session takes each second.
constexpr std::array kColumns{
    Column{"time_s", 1, [](const Decided& d) { return d.t; }},
    Column{"cpus", 2, [](const Decided& d) { return d.sample.cpus; }},
    Column{"offered", 0, [](const Decided& d) { return d.sample.offered; }},
    Column{"live", 0, [](const Decided& d) { return d.sample.live; }},
    Column{"session_us", 2, [](const Decided& d) { return d.plan.session_cpu * 1e6; }},
    Column{"sessions_max", 0, [](const Decided& d) { return d.plan.sessions_max; }},
    Column{"rate", 1, [](const Decided& d) { return d.plan.rate; }},
    Column{"quota", 0, [](const Decided& d) { return d.plan.quota; }},
    Column{"shed", 0, [](const Decided& d) { return d.plan.shed; }},
    Column{"required", 2, [](const Decided& d) { return d.plan.cpus_required; }},
    Column{"trim", 3, [](const Decided& d) { return d.trim; }},
};

constexpr int kWidth = 12;

}  // namespace

std::vector<Decided> decide_all(const admission::Settings& settings,
                                const std::vector<admission::Sample>& samples) {
  std::vector<Decided> decisions;
  decisions.reserve(samples.size());
  admission::State state;
  double t = 0;
  for (const admission::Sample& sample : samples) {
    const admission::Decision decision = decide(settings, state, sample);
    state = decision.next;
    t += sample.elapsed_s;
    decisions.push_back({t, sample, decision.plan, state.trim});
  }
  return decisions;
}

std::string table(const std::vector<Decided>& decisions) {
  std::string text;
  const auto cell = [&text](std::string_view content) {
    if (content.size() < kWidth) text.append(kWidth - content.size(), ' ');
    text += content;
  };
  for (const Column& column : kColumns) cell(column.name);
  text += '\n';
  for (const Decided& decided : decisions) {
    for (const Column& column : kColumns) {
      const double value = column.value(decided);
      std::array<char, 64> number{};
      const int size = std::snprintf(number.data(), number.size(), "%.*f", column.decimals, value);
      cell(std::isfinite(value) ? std::string_view(number.data(), static_cast<std::size_t>(size)) : "-");
    }
    text += '\n';
  }
  return text;
}

std::string csv(const std::vector<Decided>& decisions) {
  std::string text;
  for (const Column& column : kColumns) text += (text.empty() ? "" : ",") + std::string(column.name);
  text += '\n';
  for (const Decided& decided : decisions) {
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      std::array<char, 32> number{};
      const auto end =
          std::to_chars(number.data(), number.data() + number.size(), kColumns[i].value(decided)).ptr;
      if (i > 0) text += ',';
      text.append(number.data(), end);
    }
    text += '\n';
  }
  return text;
}

}  // namespace sluice::tools
