#pragma once
#include <string>
#include <string_view>

namespace sluice::loadgen::lab {

/// Where figures come from: without it nobody can repeat or judge them.
struct Machine {
  std::string cpu;  ///< "AMD EPYC", ...
  unsigned cpus = 0;
  std::string kernel, openssl, date;  ///< Date: UTC, ISO 8601.
};
Machine this_machine();
/// The first "model name" of /proc/cpuinfo ("unknown" where there is none). Pure.
std::string cpu_model(std::string_view cpuinfo);

}  // namespace sluice::loadgen::lab
