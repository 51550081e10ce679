#include "admission/sample.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

SampleFile read(const std::string& text, std::size_t lines_max = 1000) {
  std::istringstream in{text};
  return read_csv(in, lines_max);
}

std::vector<std::string> fields_of(std::string line) {
  line.pop_back();  // the end of the line
  std::vector<std::string> fields;
  std::istringstream in{line};
  for (std::string field; std::getline(in, field, ',');) fields.push_back(field);
  return fields;
}

std::string line_of(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) line += field + ',';
  line.back() = '\n';
  return line;
}

/// As many fields as there are columns, the first one being `first`.
std::string sample_line(const std::string& first) {
  auto fields = fields_of(csv_line({}));
  fields.front() = first;
  return line_of(fields);
}

std::string exchanged(std::string text, const std::string& what, const std::string& with) {
  return text.replace(text.find(what), what.size(), with);
}

TEST(SampleCsv, NamesItsColumns) {
  EXPECT_TRUE(csv_header().starts_with("elapsed_s,cpus,cpu_full,"));
  EXPECT_TRUE(csv_header().ends_with(",connections_resumed,cpu_connections_resumed\n"));
  EXPECT_EQ(fields_of(csv_header()).size(), sizeof(Sample) / sizeof(double)) << "each field is a column";
}

TEST(SampleCsv, WritesNumbersAsPeopleWould) {
  EXPECT_TRUE(csv_line({.elapsed_s = 0.1, .cpus = 2, .cpu_full = 0.075}).starts_with("0.1,2,0.075,0,"));
}

TEST(SampleCsv, FindsColumnsByName) {
  auto names = fields_of(csv_header());
  auto values = fields_of(csv_line({.elapsed_s = 0.1, .cpus = 2, .live = 300}));
  std::reverse(names.begin(), names.end());
  std::reverse(values.begin(), values.end());
  const auto file = read(line_of(names) + line_of(values));
  EXPECT_EQ(file.problem, "");
  ASSERT_EQ(file.samples.size(), 1U);
  EXPECT_EQ(file.samples[0], (Sample{.elapsed_s = 0.1, .cpus = 2, .live = 300}));
}

TEST(SampleCsv, ReadsLinesOfOtherSystemsAndALastOneWithoutAnEnd) {
  auto text = csv_header() + csv_line({.live = 1}) + csv_line({.live = 2});
  text.pop_back();
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.insert(at, "\r");
  const auto file = read(text);
  EXPECT_EQ(file.problem, "");
  ASSERT_EQ(file.samples.size(), 2U);
  EXPECT_EQ(file.samples[1].live, 2);
}

TEST(SampleCsv, AHeaderAloneIsAFileWithoutSamples) {
  const auto file = read(csv_header());
  EXPECT_EQ(file.problem, "");
  EXPECT_TRUE(file.samples.empty());
}

TEST(SampleCsv, HasABound) {
  const auto text = csv_header() + csv_line({}) + csv_line({});
  EXPECT_EQ(read(text, 3).samples.size(), 2U);
  EXPECT_EQ(read(text, 2).problem, "more than 2 lines");
}

struct BadFile {
  const char* name;
  std::string text;
  std::string problem;
};
class SampleProblem : public testing::TestWithParam<BadFile> {};

TEST_P(SampleProblem, IsASentenceWithItsPlace) {
  const auto file = read(GetParam().text);
  EXPECT_EQ(file.problem, GetParam().problem);
  EXPECT_TRUE(file.samples.empty());
}
INSTANTIATE_TEST_SUITE_P(
    Admission, SampleProblem,
    testing::Values(
        BadFile{"Empty", "", "there is no line in it"},
        BadFile{"EmptyHeader", "\n", "line 1: there is no column \"\""},
        BadFile{"UnknownColumn", exchanged(csv_header(), "live", "life"),
                "line 1: there is no column \"life\""},
        BadFile{"LongUnknownColumn", std::string(1000, 'x'),
                "line 1: there is no column \"" + std::string(40, 'x') + "\""},
        BadFile{"ColumnTwice", exchanged(csv_header(), "live", "cpus"),
                "line 1: column \"cpus\" stands twice"},
        BadFile{"ColumnMissing", exchanged(csv_header(), "live,", ""), "line 1: 27 columns, expected 28"},
        BadFile{"FieldMissing", csv_header() + csv_line({}) + "1,2,3\n", "line 3: 3 fields, expected 28"},
        BadFile{"FieldTooMany", csv_header() + "0," + csv_line({}), "line 2: 29 fields, expected 28"},
        BadFile{"EmptyLine", csv_header() + csv_line({}) + "\n", "line 3: 1 fields, expected 28"},
        BadFile{"EmptyField", csv_header() + sample_line(""), "line 2: \"\" is not a number"},
        BadFile{"Word", csv_header() + sample_line("many"), "line 2: \"many\" is not a number"},
        BadFile{"Rest", csv_header() + sample_line("1s"), "line 2: \"1s\" is not a number"},
        BadFile{"Blank", csv_header() + sample_line(" 1"), "line 2: \" 1\" is not a number"},
        BadFile{"Infinite", csv_header() + sample_line("inf"), "line 2: \"inf\" is not a number"},
        BadFile{"NotANumber", csv_header() + sample_line("nan"), "line 2: \"nan\" is not a number"},
        BadFile{"TooLarge", csv_header() + sample_line("1e999"), "line 2: \"1e999\" is not a number"},
        BadFile{"LongField", csv_header() + sample_line(std::string(1000, 'x')),
                "line 2: \"" + std::string(40, 'x') + "\" is not a number"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(SampleCsvProperty, WhatIsWrittenIsRead) {
  using Limits = std::numeric_limits<double>;
  constexpr std::array kExtremes{0.0,
                                 -0.0,
                                 Limits::max(),
                                 Limits::lowest(),
                                 Limits::min(),
                                 Limits::denorm_min(),
                                 Limits::epsilon(),
                                 0.1,
                                 1.0 / 3,
                                 1e22,
                                 123456789012345678.0};
  std::mt19937_64 random{1};
  const auto number = [&] {
    if (random() % 2 == 0) return kExtremes[random() % kExtremes.size()];
    double value = Limits::infinity();
    while (!std::isfinite(value)) value = std::bit_cast<double>(random());
    return value;
  };
  std::vector<Sample> samples(500);
  std::string text = csv_header();
  for (Sample& sample : samples) {
    for (double* field : {&sample.elapsed_s, &sample.cpus, &sample.cpu_full, &sample.offered, &sample.demand,
                          &sample.departed, &sample.in_flight_max, &sample.cpu_connections_resumed})
      *field = number();
    text += csv_line(sample);
  }
  const auto file = read(text);
  EXPECT_EQ(file.problem, "");
  EXPECT_EQ(file.samples, samples);
}

}  // namespace
}  // namespace sluice::admission
