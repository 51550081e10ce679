#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "loadgen/report/format.hpp"
#include "loadgen/report/html.hpp"

namespace sluice::loadgen {
namespace {

// Lines for each halving of the distance to 100 %, as HdrHistogram's default. After 40 halvings all of the
// printed digits are nines, and soon a step would get lost in rounding.
constexpr unsigned kTicksPerHalf = 5;
constexpr unsigned kTicksMax = 40 * kTicksPerHalf;

template <class... Arguments>
std::string line(const char* format, Arguments... arguments) {
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), format, arguments...);
  return text.data();
}

double deviation_ms(const Histogram& histogram) {
  if (histogram.empty()) return 0;
  double sum = 0;
  for (const auto& [upper_us, count] : histogram.buckets()) {
    const double off = static_cast<double>(upper_us) / 1000 - report::milliseconds(histogram.mean());
    sum += off * off * static_cast<double>(count);
  }
  return std::sqrt(sum / static_cast<double>(histogram.count()));
}

/// Each half of what is left is gone through in equal steps.
double share_at(unsigned tick) {
  const double left = std::pow(0.5, tick / kTicksPerHalf);
  return 1 - left * (1 - 0.5 * (tick % kTicksPerHalf) / kTicksPerHalf);
}

/// The lines: value, share up to it, count up to it, 1 / (1 - share).
std::string percentile_lines(const Histogram& histogram) {
  std::string out;
  const double total = static_cast<double>(histogram.count());
  unsigned tick = 0;
  std::uint64_t seen = 0;
  for (const auto& [upper_us, count] : histogram.buckets()) {
    seen += count;
    const double value =
        std::min(report::milliseconds(histogram.max()), static_cast<double>(upper_us + 1) / 1000);
    const auto up_to = static_cast<unsigned long long>(seen);
    if (seen == histogram.count()) return out + line("%12.3f %2.12f %10llu\n", value, 1.0, up_to);
    for (; tick < kTicksMax && share_at(tick) <= static_cast<double>(seen) / total; ++tick) {
      const double share = share_at(tick);
      out += line("%12.3f %2.12f %10llu %14.2f\n", value, share, up_to, 1 / (1 - share));
    }
  }
  return out;
}

}  // namespace

std::string hgrm(const Histogram& histogram) {
  std::string out =
      "       Value     Percentile TotalCount 1/(1-Percentile)\n\n" + percentile_lines(histogram);
  out += line("#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", report::milliseconds(histogram.mean()),
              deviation_ms(histogram));
  out += line("#[Max     = %12.3f, Total count    = %12llu]\n", report::milliseconds(histogram.max()),
              static_cast<unsigned long long>(histogram.count()));
  return out + "#[Buckets = 32, SubBuckets     = 64]\n";
}

}  // namespace sluice::loadgen
