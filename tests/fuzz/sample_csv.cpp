#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "admission/sample.hpp"

using namespace sluice::admission;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

/// A recording is whatever somebody wrote. It is read whole or refused with one sentence; what was read says
/// the same when it is written down and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLinesMax = 100;
  std::istringstream in{std::string(reinterpret_cast<const char*>(data), size)};
  const SampleFile file = read_csv(in, kLinesMax);
  require(file.problem.size() < 200);
  if (!file.problem.empty()) {
    require(file.samples.empty());
    return 0;
  }
  require(file.samples.size() < kLinesMax);
  std::string written = csv_header();
  for (const Sample& sample : file.samples) written += csv_line(sample);
  std::istringstream again{written};
  require(read_csv(again).samples == file.samples);
  return 0;
}
