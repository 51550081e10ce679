#include "server/cpu_supply.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

/// The sensor on the machine that the tests run on.
namespace sluice::server {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Ge;
using testing::Le;

MATCHER(IsShare, "") { return arg >= 0 && arg <= 1; }

TEST(CpuSupplyHere, OfThisMachineIsWithinItsBounds) {
  CpuSupply all;
  const auto start = Monotonic::now();
  for (int second = 0; second < 3; ++second) {
    const auto reading = all.read(start + second * 1s);
    EXPECT_GT(reading.cpus, 0);
    EXPECT_LE(reading.cpus, static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN)));
    EXPECT_THAT(reading.throttled_share, IsShare());
    EXPECT_THAT(reading.steal_share, IsShare());
    EXPECT_THAT(reading.pressure_share, IsShare());
  }
  EXPECT_FALSE(process_affinity().empty());
  EXPECT_THAT(usable_cpus() - cpus_available(), AllOf(Ge(0), Le(1)));
}

std::string text_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool put(const std::string& file, std::string_view text) {
  return (std::ofstream(file) << text << std::flush).good();
}

/// A process in a group with half a CPU burns what it gets until the sensor has told. 0 when it did.
int burn_in(const std::string& group, const std::string& outside) {
  CpuSupply all;
  const auto start = Monotonic::now();
  const double expected = std::min(0.5, all.read(start).cpus);
  if (!put(group + "/cgroup.procs", "0")) return 2;
  auto reading = all.read(Monotonic::now());
  const bool seen = reading.cpus == expected;
  while (reading.throttled_periods == 0 && Monotonic::now() < start + 10s)
    reading = all.read(Monotonic::now());
  put(outside + "/cgroup.procs", "0");  // a group is removed at once only when it is empty
  return seen && reading.throttled_periods > 0 ? 0 : 1;
}

TEST(CpuSupplyHere, SeesARealQuotaAndItsThrottling) {
  const auto groups = cpu_groups(text_of("/proc/self/cgroup"), text_of("/proc/self/mountinfo"));
  if (groups.empty() || groups.front().v2) GTEST_SKIP() << "no cgroup v1 with quotas is mounted";
  const std::string& outside = groups.front().folder;
  const std::string group = outside + "/sluice-cpu-supply-test-" + std::to_string(::getpid());
  if (::mkdir(group.c_str(), 0755) != 0) GTEST_SKIP() << "can't make a group in " << outside;
  int status = -1;
  if (put(group + "/cpu.cfs_period_us", "10000") && put(group + "/cpu.cfs_quota_us", "5000")) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(burn_in(group, outside));
    ::waitpid(child, &status, 0);
  }
  ::rmdir(group.c_str());
  if (status == -1 || (WIFEXITED(status) && WEXITSTATUS(status) == 2)) GTEST_SKIP() << "not permitted";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace sluice::server
