#include "server/cpu_supply.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

namespace sluice::server {
namespace {

using namespace std::chrono_literals;
constexpr const char* kMountinfo =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
constexpr const char* kV1 = "/sys/fs/cgroup/cpu,cpuacct";
constexpr const char* kV2 = "/sys/fs/cgroup/unified";

/// A folder with /proc and /sys of a machine with 8 CPUs online, of which the process may use 0 to 3, in the
/// group /a/b of both hierarchies.
class CpuTree : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "cpu-supply-XXXXXX";
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
    write("/proc/self/cgroup", "2:cpuset:/\n1:cpu,cpuacct:/a/b\n0::/a/b\n");
    write("/proc/self/mountinfo", kMountinfo);
    write("/sys/devices/system/cpu/online", "0-7\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + file).parent_path());
    std::ofstream(root_ + file) << text;
  }
  void write_v1(const std::string& group, const char* quota_us) const {
    write(kV1 + group + "/cpu.cfs_quota_us", quota_us);
    write(kV1 + group + "/cpu.cfs_period_us", "100000\n");
  }
  void write_v2(const std::string& group, const char* cpu_max) const {
    write(kV2 + group + "/cpu.max", cpu_max);
  }
  void remove(const std::string& file) const { std::filesystem::remove_all(root_ + file); }
  CpuSupply supply() const {
    return CpuSupply(root_, [this] { return mask_; });
  }

  CpuIds mask_{0, 1, 2, 3};
  Monotonic::time_point now_{100s};
  std::string root_;
};

struct CpusCase {
  const char* name;
  CpuIds mask;
  const char* online;
  std::vector<std::pair<const char*, const char*>> v1;  // group, quota in microseconds of 100 ms
  std::vector<std::pair<const char*, const char*>> v2;  // group, cpu.max
  double expected;
};
class Cpus : public CpuTree, public testing::WithParamInterface<CpusCase> {};
TEST_P(Cpus, AreTheLeastOfAllLimits) {
  mask_ = GetParam().mask;
  write("/sys/devices/system/cpu/online", GetParam().online);
  for (const auto& [group, quota] : GetParam().v1) write_v1(group, quota);
  for (const auto& [group, quota] : GetParam().v2) write_v2(group, quota);
  auto all = supply();
  EXPECT_DOUBLE_EQ(all.read(now_).cpus, GetParam().expected);
  EXPECT_DOUBLE_EQ(all.cpus(), GetParam().expected);
}
const CpuIds kFour{0, 1, 2, 3};
INSTANTIATE_TEST_SUITE_P(
    CpuSupply, Cpus,
    testing::Values(
        CpusCase{"Mask", kFour, "0-7\n", {}, {}, 4}, CpusCase{"Cpuset", {5}, "0-7\n", {}, {}, 1},
        CpusCase{"Online", kFour, "0,2\n", {}, {}, 2}, CpusCase{"MaskUnknown", {}, "0-7\n", {}, {}, 8},
        CpusCase{"OnlineUnknown", kFour, "some\n", {}, {}, 4}, CpusCase{"Nothing", {}, "", {}, {}, 1},
        CpusCase{"NumberedAnew", {6, 7}, "0-1\n", {}, {}, 2},
        CpusCase{"V2", kFour, "0-7\n", {}, {{"/a/b", "150000 100000\n"}}, 1.5},
        CpusCase{"V2Max", kFour, "0-7\n", {}, {{"/a/b", "max 100000\n"}}, 4},
        CpusCase{"V2Large", kFour, "0-7\n", {}, {{"/a/b", "900000 100000\n"}}, 4},
        CpusCase{
            "V2OuterIsTighter", kFour, "0-7\n", {}, {{"/a/b", "300000 100000"}, {"/a", "5000 10000"}}, 0.5},
        CpusCase{
            "V2InnerIsTighter", kFour, "0-7\n", {}, {{"/a/b", "50000 100000"}, {"/a", "max 100000"}}, 0.5},
        CpusCase{"V2OfOthers", kFour, "0-7\n", {}, {{"/a/c", "50000 100000"}, {"/b", "50000 100000"}}, 4},
        CpusCase{"V2Garbage", kFour, "0-7\n", {}, {{"/a/b", "\x01\xff nan"}, {"/a", "250000 100000"}}, 2.5},
        CpusCase{"V1", kFour, "0-7\n", {{"/a/b", "25000\n"}}, {}, 0.25},
        CpusCase{"V1Unlimited", kFour, "0-7\n", {{"/a/b", "-1\n"}, {"", "-1\n"}}, {}, 4},
        CpusCase{"V1Outer", kFour, "0-7\n", {{"/a/b", "-1\n"}, {"/a", "200000\n"}, {"", "-1\n"}}, {}, 2},
        CpusCase{"Both", kFour, "0-7\n", {{"/a", "200000\n"}}, {{"/a", "150000 100000\n"}}, 1.5}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(CpuTree, WithoutAnyFileIsTheMask) {
  std::filesystem::remove_all(root_ + "/proc");
  std::filesystem::remove_all(root_ + "/sys");
  auto all = supply();
  const auto reading = all.read(now_);
  EXPECT_EQ(reading.cpus, 4);
  EXPECT_EQ(reading.throttled_share + reading.steal_share + reading.pressure_share, 0);
}

TEST_F(CpuTree, FollowsAQuotaThatChanges) {
  auto all = supply();
  EXPECT_EQ(all.cpus(), 4);
  write_v2("/a/b", "200000 100000\n");  // appears when the controller is switched on above
  EXPECT_EQ(all.cpus(), 2);
  write_v2("/a/b", "50000 100000\n");
  EXPECT_EQ(all.cpus(), 0.5);
  mask_ = {0};
  write_v2("/a/b", "max 100000\n");
  EXPECT_EQ(all.cpus(), 1);
}

TEST_F(CpuTree, FollowsTheProcessIntoAnotherGroup) {
  write_v2("/a/b", "50000 100000\n");
  write_v2("/c", "200000 100000\n");
  auto all = supply();
  EXPECT_EQ(all.cpus(), 0.5);
  write("/proc/self/cgroup", "0::/c\n");
  EXPECT_EQ(all.cpus(), 2);
}

TEST_F(CpuTree, LooksForTheMountAnewWhenAQuotaVanished) {
  write_v2("/a/b", "50000 100000\n");
  auto all = supply();
  EXPECT_EQ(all.cpus(), 0.5);
  remove(kV2);
  write("/proc/self/mountinfo", "30 23 0:26 / /new rw - cgroup2 cgroup2 rw\n");
  write("/new/a/b/cpu.max", "200000 100000\n");
  EXPECT_EQ(all.cpus(), 2);
  remove("/new");
  EXPECT_EQ(all.cpus(), 4);
}

TEST_F(CpuTree, KeepsTheQuotaWhileDescriptorsAreShort) {
  write_v2("/a/b", "50000 100000\n");
  auto all = supply();
  EXPECT_EQ(all.cpus(), 0.5);
  write("/proc/self/cgroup", "0::/c\n");
  write_v2("/c", "200000 100000\n");
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto reading = all.read(now_);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(reading.cpus, 0.5);
  EXPECT_EQ(all.cpus(), 2);
}

/// cpu.stat of the group at two readings a second apart; the quota is `cpu_max`.
struct ThrottledCase {
  const char* name;
  const char* cpu_max;
  const char* before;
  const char* after;
  double share;
  std::uint64_t periods;
};
class ThrottledShare : public CpuTree, public testing::WithParamInterface<ThrottledCase> {};
TEST_P(ThrottledShare, IsTheGrowthBetweenTwoReadings) {
  const std::string stat = std::string(kV2) + "/a/cpu.stat";
  write_v2("/a", GetParam().cpu_max);
  write_v2("/a/b", "400000 100000\n");
  write(std::string(kV2) + "/a/b/cpu.stat", "nr_throttled 1000\nthrottled_usec 1000000000\n");
  write(stat, GetParam().before);
  auto all = supply();
  const auto first = all.read(now_);
  EXPECT_EQ(first.throttled_share, 0);
  EXPECT_EQ(first.throttled_periods, 0U);
  write(stat, GetParam().after);
  const auto second = all.read(now_ + 1s);
  EXPECT_NEAR(second.throttled_share, GetParam().share, 1e-9);
  EXPECT_EQ(second.throttled_periods, GetParam().periods);
  EXPECT_EQ(all.read(now_ + 1s).throttled_share, 0) << "no time passed";
}
constexpr const char* kBefore = "nr_periods 90\nnr_throttled 10\nthrottled_usec 5000000\n";
INSTANTIATE_TEST_SUITE_P(CpuSupply, ThrottledShare,
                         testing::Values(ThrottledCase{"OneCpu", "50000 100000\n", kBefore,
                                                       "nr_throttled 17\nthrottled_usec 5250000\n", 0.25, 7},
                                         ThrottledCase{"MeanOfTwo", "150000 100000\n", kBefore,
                                                       "nr_throttled 17\nthrottled_usec 5500000\n", 0.25, 7},
                                         ThrottledCase{"Never", "50000 100000\n", kBefore, kBefore, 0, 0},
                                         ThrottledCase{"MoreThanAll", "50000 100000\n", kBefore,
                                                       "nr_throttled 12\nthrottled_usec 9000000\n", 1, 2},
                                         ThrottledCase{"Backwards", "50000 100000\n", kBefore,
                                                       "nr_throttled 0\nthrottled_usec 0\n", 0, 0},
                                         ThrottledCase{"HalfBackwards", "50000 100000\n", kBefore,
                                                       "nr_throttled 20\nthrottled_usec 0\n", 0, 0},
                                         ThrottledCase{"Garbage", "50000 100000\n", kBefore,
                                                       "nr_throttled x\nthrottled_usec -1\n", 0, 0}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(CpuTree, TellsThrottlingOfV1) {
  const std::string stat = std::string(kV1) + "/a/b/cpu.stat";
  write_v1("/a/b", "50000\n");
  write(stat, "nr_periods 9\nnr_throttled 1\nthrottled_time 1000000000\n");
  auto all = supply();
  all.read(now_);
  write(stat, "nr_periods 19\nnr_throttled 9\nthrottled_time 2500000000\n");
  const auto reading = all.read(now_ + 2s);
  EXPECT_DOUBLE_EQ(reading.throttled_share, 0.75);
  EXPECT_EQ(reading.throttled_periods, 8U);
}

TEST_F(CpuTree, ComparesThrottlingOnlyWithinOneGroup) {
  write_v2("/a/b", "50000 100000\n");
  write(std::string(kV2) + "/a/b/cpu.stat", "nr_throttled 1\nthrottled_usec 1\n");
  write_v2("/c", "50000 100000\n");
  write(std::string(kV2) + "/c/cpu.stat", "nr_throttled 70\nthrottled_usec 500000\n");
  auto all = supply();
  all.read(now_);
  write("/proc/self/cgroup", "0::/c\n");
  EXPECT_EQ(all.read(now_ + 1s).throttled_periods, 0U);
  write(std::string(kV2) + "/c/cpu.stat", "nr_throttled 75\nthrottled_usec 1000000\n");
  const auto third = all.read(now_ + 2s);
  EXPECT_EQ(third.throttled_periods, 5U);
  EXPECT_DOUBLE_EQ(third.throttled_share, 0.5);
}

TEST_F(CpuTree, CountsThrottlingThatAMissingReadingLeftOut) {
  const std::string stat = std::string(kV2) + "/a/b/cpu.stat";
  write_v2("/a/b", "50000 100000\n");
  write(stat, "nr_throttled 0\nthrottled_usec 0\n");
  auto all = supply();
  all.read(now_);
  remove(stat);
  EXPECT_EQ(all.read(now_ + 1s).throttled_share, 0);
  write(stat, "nr_throttled 4\nthrottled_usec 1000000\n");
  EXPECT_DOUBLE_EQ(all.read(now_ + 2s).throttled_share, 0.5);
}

TEST_F(CpuTree, TellsWhatTheHypervisorStole) {
  write("/proc/stat", "cpu0 0 0 0 0 0 0 0 0 0 0\ncpu7 0 0 0 0 0 0 0 0 0 0\nintr 0\n");
  auto all = supply();
  EXPECT_EQ(all.read(now_).steal_share, 0);
  write("/proc/stat", "cpu0 60 0 0 20 0 0 0 20 0 0\ncpu7 0 0 0 0 0 0 0 100 0 0\nintr 0\n");
  EXPECT_DOUBLE_EQ(all.read(now_ + 1s).steal_share, 0.2) << "CPU 7 isn't ours";
  EXPECT_EQ(all.read(now_ + 2s).steal_share, 0) << "nothing moved";
}

TEST_F(CpuTree, PrefersThePressureOfTheOwnGroup) {
  auto all = supply();
  EXPECT_EQ(all.read(now_).pressure_share, 0);
  write("/proc/pressure/cpu", "some avg10=50.00 avg60=0.00 avg300=0.00 total=1\n");
  EXPECT_EQ(all.read(now_).pressure_share, 0.5);
  write(std::string(kV2) + "/a/b/cpu.pressure", "some avg10=25.00 avg60=0.00 avg300=0.00 total=1\n");
  EXPECT_EQ(all.read(now_).pressure_share, 0.25);
}

TEST_F(CpuTree, ReadsFilesLargerThanItsBuffer) {
  std::string mounts;
  while (mounts.size() < 100'000) mounts += "50 23 0:99 / /somewhere rw - tmpfs tmpfs rw\n";
  write("/proc/self/mountinfo", mounts + kMountinfo);
  write_v2("/a/b", "50000 100000\n");
  auto all = supply();
  EXPECT_EQ(all.cpus(), 0.5);
}

}  // namespace
}  // namespace sluice::server
