#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "loadgen/io/scrape.hpp"

using namespace sluice::loadgen;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

/// A metrics page is whatever the other end sends. Samples are bounded and finite; what is read says the same
/// when it is written down and read again; a view of any scrapes has finite figures.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view page(reinterpret_cast<const char*>(data), size);
  const Samples all = parse_metrics(page);
  std::string written;
  for (const auto& [name, value] : all) {
    require(!name.empty() && name.size() <= kSampleNameMax && std::isfinite(value));
    written += name + " 1\n";
  }
  const Samples again = parse_metrics(written);
  require(again.size() == all.size());
  for (const auto& [name, value] : again) require(all.contains(name) && value == 1);
  const Samples half = parse_metrics(page.substr(0, size / 2));
  const ServerView view = view_of({{0, half}, {1, all}, {2, again}}, 0, 2);
  require(view.points.size() == 3);
  for (const auto& point : view.points)
    for (const auto& [figure, value] : point.values) require(std::isfinite(value));
  for (const auto& [figure, value] : view.totals) require(std::isfinite(value));
  return 0;
}
