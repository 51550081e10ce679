#include "admission/sample.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <istream>

namespace sluice::admission {

namespace {

constexpr std::size_t kQuoteMax = 40;

struct Column {
  std::string_view name;
  double Sample::*field;
};

constexpr std::array kColumns{
    Column{"elapsed_s", &Sample::elapsed_s},
    Column{"cpus", &Sample::cpus},
    Column{"cpu_full", &Sample::cpu_full},
    Column{"cpu_resumed", &Sample::cpu_resumed},
    Column{"cpu_requests", &Sample::cpu_requests},
    Column{"cpu_refusals", &Sample::cpu_refusals},
    Column{"cpu_other", &Sample::cpu_other},
    Column{"offered", &Sample::offered},
    Column{"resuming", &Sample::resuming},
    Column{"admitted", &Sample::admitted},
    Column{"refused", &Sample::refused},
    Column{"full", &Sample::full},
    Column{"resumed", &Sample::resumed},
    Column{"requests", &Sample::requests},
    Column{"returns", &Sample::returns},
    Column{"demand", &Sample::demand},
    Column{"pause_s", &Sample::pause_s},
    Column{"live", &Sample::live},
    Column{"departed", &Sample::departed},
    Column{"run_delay_min_s", &Sample::run_delay_min_s},
    Column{"run_delay_mean_s", &Sample::run_delay_mean_s},
    Column{"backlog_s", &Sample::backlog_s},
    Column{"in_flight", &Sample::in_flight},
    Column{"in_flight_max", &Sample::in_flight_max},
    Column{"connections_new", &Sample::connections_new},
    Column{"cpu_connections_new", &Sample::cpu_connections_new},
    Column{"connections_resumed", &Sample::connections_resumed},
    Column{"cpu_connections_resumed", &Sample::cpu_connections_resumed},
};

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (true) {
    const auto comma = line.find(',');
    fields.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

const Column* find_column(std::string_view name) noexcept {
  for (const Column& column : kColumns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

/// What a sentence shows of somebody's file.
std::string quoted(std::string_view field) { return '"' + std::string(field.substr(0, kQuoteMax)) + '"'; }

/// Columns of a header line; empty, with a problem, when it is none.
std::vector<const Column*> read_header(std::string_view line, std::string& problem) {
  std::vector<const Column*> columns;
  for (const std::string_view name : split(line)) {
    const Column* column = find_column(name);
    if (column == nullptr) {
      problem = "line 1: there is no column " + quoted(name);
      return {};
    }
    for (const Column* before : columns) {
      if (before == column) {
        problem = "line 1: column " + quoted(name) + " stands twice";
        return {};
      }
    }
    columns.push_back(column);
  }
  if (columns.size() != kColumns.size()) {
    problem =
        "line 1: " + std::to_string(columns.size()) + " columns, expected " + std::to_string(kColumns.size());
    return {};
  }
  return columns;
}

bool read_sample(std::string_view line, const std::vector<const Column*>& columns, Sample& sample,
                 std::string& problem) {
  const auto fields = split(line);
  if (fields.size() != columns.size()) {
    problem = std::to_string(fields.size()) + " fields, expected " + std::to_string(columns.size());
    return false;
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    double& value = sample.*columns[i]->field;
    const auto [end, error] = std::from_chars(fields[i].data(), fields[i].data() + fields[i].size(), value);
    if (error != std::errc{} || end != fields[i].data() + fields[i].size() || !std::isfinite(value)) {
      problem = quoted(fields[i]) + " is not a number";
      return false;
    }
  }
  return true;
}

}  // namespace

std::string csv_header() {
  std::string line;
  for (const Column& column : kColumns) line += (line.empty() ? "" : ",") + std::string(column.name);
  return line + '\n';
}

std::string csv_line(const Sample& sample) {
  std::string line;
  for (const Column& column : kColumns) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), sample.*column.field).ptr;
    if (!line.empty()) line += ',';
    line.append(text.data(), end);
  }
  return line + '\n';
}

SampleFile read_csv(std::istream& in, std::size_t lines_max) {
  SampleFile file;
  std::string line;
  if (!std::getline(in, line)) return {.problem = "there is no line in it"};
  const auto columns = read_header(line, file.problem);
  if (columns.empty()) return file;
  for (std::size_t number = 2; std::getline(in, line); ++number) {
    if (number > lines_max) return {.problem = "more than " + std::to_string(lines_max) + " lines"};
    Sample sample;
    std::string problem;
    if (!read_sample(line, columns, sample, problem))
      return {.problem = "line " + std::to_string(number) + ": " + problem};
    file.samples.push_back(sample);
  }
  return file;
}

}  // namespace sluice::admission
