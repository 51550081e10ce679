#include "loadgen/lab/machine.hpp"

#include <sys/utsname.h>
#include <time.h>

#include <array>
#include <fstream>
#include <iterator>
#include <sstream>

#include <openssl/crypto.h>

#include "loadgen/lab/child.hpp"

namespace sluice::loadgen::lab {

std::string cpu_model(std::string_view cpuinfo) {
  std::istringstream lines{std::string(cpuinfo)};
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

Machine this_machine() {
  Machine machine;
  std::ifstream in("/proc/cpuinfo");
  machine.cpu = cpu_model(std::string(std::istreambuf_iterator<char>(in), {}));
  machine.cpus = static_cast<unsigned>(own_cpus().size());
  utsname name{};
  if (::uname(&name) == 0) machine.kernel = std::string(name.sysname) + " " + name.release;
  machine.openssl = OpenSSL_version(OPENSSL_VERSION);
  const std::time_t now = ::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%FT%TZ", &utc);
  machine.date = text.data();
  return machine;
}

}  // namespace sluice::loadgen::lab
