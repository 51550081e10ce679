#include "loadgen/pacer.hpp"

#include <cmath>
#include <fstream>
#include <string_view>
#include <utility>

#include "loadgen/error.hpp"
#include "loadgen/words.hpp"

namespace sluice::loadgen {

namespace {

/// None beyond any run's end, and where nanoseconds would overflow: 30 years.
std::optional<std::chrono::nanoseconds> nanoseconds_of(double seconds) noexcept {
  if (!(seconds < 1e9)) return std::nullopt;
  return std::chrono::nanoseconds{std::llround(seconds * 1e9)};
}

double parse_arrival(std::string_view text, double previous, const std::string& where) {
  const double seconds = parse_number(text).value_or(-1);
  if (seconds < 0)
    throw UsageError(where + "'" + std::string{text.substr(0, 40)} + "' is not a time in seconds");
  if (seconds > Profile::kLengthMax) throw UsageError(where + "a recording is at most 7 days long");
  if (seconds < previous) throw UsageError(where + "this arrival is earlier than the one before it");
  return seconds;
}

}  // namespace

Pacer::Pacer(Profile profile, Arrivals arrivals, std::uint64_t seed)
    : profile_(std::move(profile)), arrivals_(arrivals), random_(seed) {}

Pacer::Pacer(std::vector<double> recorded) : recorded_(std::move(recorded)) {}

std::optional<std::chrono::nanoseconds> Pacer::next() {
  const auto index = index_++;
  if (!profile_) return index < recorded_.size() ? nanoseconds_of(recorded_[index]) : std::nullopt;
  const double expected =
      arrivals_ == Arrivals::poisson ? reached_ += random_.exponential() : static_cast<double>(index) + 0.5;
  const auto seconds = profile_->time_of(expected);
  return seconds ? nanoseconds_of(*seconds) : std::nullopt;
}

std::vector<double> read_arrivals(const std::string& file) {
  constexpr std::size_t kArrivalsMax = 10'000'000;
  constexpr std::size_t kLineMax = 4096;
  std::ifstream in{file};
  if (!in) throw UsageError(file + " can't be read");
  std::vector<double> arrivals;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    const std::string where = file + ":" + std::to_string(++number) + ": ";
    if (line.size() > kLineMax) throw UsageError(where + "a line holds one time in seconds");
    const auto text = trimmed(std::string_view(line).substr(0, line.find('#')));
    if (text.empty()) continue;
    if (arrivals.size() == kArrivalsMax)
      throw UsageError(where + "a recording has at most 10000000 arrivals");
    arrivals.push_back(parse_arrival(text, arrivals.empty() ? 0 : arrivals.back(), where));
  }
  if (in.bad()) throw UsageError(file + " can't be read");
  if (arrivals.empty()) throw UsageError(file + " has no arrivals");
  return arrivals;
}

}  // namespace sluice::loadgen
