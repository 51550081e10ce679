#include "server/cpu_supply_text.hpp"

#include <gmock/gmock.h>

namespace sluice::server {
namespace {

using testing::ElementsAre;

struct IdsCase {
  const char* name;
  const char* text;
  CpuIds expected;
};
class Ids : public testing::TestWithParam<IdsCase> {};
TEST_P(Ids, AreReadFromAList) { EXPECT_EQ(cpu_ids(GetParam().text), GetParam().expected); }
INSTANTIATE_TEST_SUITE_P(
    CpuSupply, Ids,
    testing::Values(IdsCase{"One", "0\n", {0}}, IdsCase{"Range", "0-3\n", {0, 1, 2, 3}},
                    IdsCase{"Both", "0-1,4,6-7", {0, 1, 4, 6, 7}}, IdsCase{"Empty", "\n", {}},
                    IdsCase{"Nothing", "", {}}, IdsCase{"Words", "all\n", {}},
                    IdsCase{"HalfUnderstood", "0-1,x\n", {}}, IdsCase{"Descending", "3-0\n", {}},
                    IdsCase{"Twice", "0-3,2\n", {}}, IdsCase{"Huge", "0-4294967295\n", {}},
                    IdsCase{"TooHuge", "0,99999999999999999999\n", {}}, IdsCase{"Negative", "-1\n", {}}),
    [](const auto& test) { return std::string(test.param.name); });

struct QuotaCase {
  const char* name;
  double actual;
  double expected;
};
class Quota : public testing::TestWithParam<QuotaCase> {};
TEST_P(Quota, IsAFractionOfAPeriod) { EXPECT_EQ(GetParam().actual, GetParam().expected); }
INSTANTIATE_TEST_SUITE_P(CpuSupply, Quota,
                         testing::Values(QuotaCase{"V2", quota_v2("150000 100000\n"), 1.5},
                                         QuotaCase{"V2Unlimited", quota_v2("max 100000\n"), kNoQuota},
                                         QuotaCase{"V2WithoutPeriod", quota_v2("150000\n"), kNoQuota},
                                         QuotaCase{"V2PeriodZero", quota_v2("150000 0\n"), kNoQuota},
                                         QuotaCase{"V2Zero", quota_v2("0 100000\n"), kNoQuota},
                                         QuotaCase{"V2Empty", quota_v2(""), kNoQuota},
                                         QuotaCase{"V2NotANumber", quota_v2("nan inf\n"), kNoQuota},
                                         QuotaCase{"V2TooLong", quota_v2("99999999999999999999 1\n"),
                                                   kNoQuota},
                                         QuotaCase{"V1", quota_v1("25000\n", "100000\n"), 0.25},
                                         QuotaCase{"V1Unlimited", quota_v1("-1\n", "100000\n"), kNoQuota},
                                         QuotaCase{"V1WithoutPeriod", quota_v1("25000\n", ""), kNoQuota},
                                         QuotaCase{"V1NegativePeriod", quota_v1("25000\n", "-5\n"), kNoQuota},
                                         QuotaCase{"V1Garbage", quota_v1("25000 x\n", "100000\n"), kNoQuota}),
                         [](const auto& test) { return std::string(test.param.name); });

struct ThrottlingCase {
  const char* name;
  const char* text;
  std::uint64_t periods;
  double seconds;
};
class Throttled : public testing::TestWithParam<ThrottlingCase> {};
TEST_P(Throttled, TimeIsInTheUnitOfItsVersion) {
  const Throttling sum = throttling(GetParam().text);
  EXPECT_EQ(sum.periods, GetParam().periods);
  EXPECT_DOUBLE_EQ(sum.time.count(), GetParam().seconds);
}
INSTANTIATE_TEST_SUITE_P(
    CpuSupply, Throttled,
    testing::Values(ThrottlingCase{"V1", "nr_periods 9\nnr_throttled 3\nthrottled_time 2500000000\n", 3, 2.5},
                    ThrottlingCase{"V2", "usage_usec 77\nnr_throttled 3\nthrottled_usec 2500000\n", 3, 2.5},
                    ThrottlingCase{"RootOfV2", "usage_usec 77\nuser_usec 70\n", 0, 0},
                    ThrottlingCase{"Empty", "", 0, 0},
                    ThrottlingCase{"Garbage", "nr_throttled -3\nthrottled_usec nan\nnr_throttled\n\n \n", 0,
                                   0},
                    ThrottlingCase{"CutOff", "nr_throttled 3\nthrottled_usec 25", 3, 0}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Ticks, OfEachCpuAreSummedWithoutGuestTime) {
  const auto ticks = cpu_ticks(
      "cpu  9 9 9 9 9 9 9 9 9 9\n"
      "cpu0 1 2 3 4 5 6 7 8 100 100\n"
      "cpu2 10 0 0 0 0 0 0 5 0 0\n"
      "intr 5 0\n"
      "cpu3 1 1 1 1 1 1 1 1\n");
  ASSERT_EQ(ticks.size(), 2U);
  EXPECT_EQ(ticks[0].total, 36U);
  EXPECT_EQ(ticks[0].steal, 8U);
  EXPECT_EQ(ticks[1].cpu, 2U);
  EXPECT_EQ(ticks[1].total, 15U);
}

TEST(Ticks, OfLinesThatAreNotUnderstoodDoNotCount) {
  EXPECT_EQ(cpu_ticks("").size(), 0U);
  EXPECT_EQ(cpu_ticks("cpu0 1 2 3 4 5 6 7\n").size(), 0U) << "kernels before steal";
  EXPECT_EQ(cpu_ticks("cpu0 1 2 3 4 5 6 7 x\n").size(), 0U);
  EXPECT_EQ(cpu_ticks("cpu0 1 2 3 4 5 6 7 8").size(), 0U) << "cut off";
  EXPECT_EQ(cpu_ticks("cpu1 1 1 1 1 1 1 1 1\ncpu1 1 1 1 1 1 1 1 1\ncpu9999 1 1 1 1 1 1 1 1\n").size(), 1U);
}

struct StolenCase {
  const char* name;
  std::vector<CpuTicks> before;
  std::vector<CpuTicks> after;
  CpuIds cpus;
  double expected;
};
class Stolen : public testing::TestWithParam<StolenCase> {};
TEST_P(Stolen, ShareIsOfTheCpusThatWeMayUse) {
  EXPECT_DOUBLE_EQ(stolen_share(GetParam().before, GetParam().after, GetParam().cpus), GetParam().expected);
}
// Rows of {cpu, steal, total}.
INSTANTIATE_TEST_SUITE_P(
    CpuSupply, Stolen,
    testing::Values(
        StolenCase{"Mean", {{0, 0, 0}, {1, 10, 100}}, {{0, 0, 100}, {1, 60, 200}}, {0, 1}, 0.25},
        StolenCase{"OthersDoNotCount", {{0, 0, 0}, {1, 10, 100}}, {{0, 0, 100}, {1, 60, 200}}, {1}, 0.5},
        StolenCase{"CameOnline", {{1, 0, 0}}, {{0, 90, 100}, {1, 10, 100}}, {0, 1}, 0.1},
        StolenCase{"WentOffline", {{0, 0, 0}, {1, 0, 0}}, {{1, 10, 100}}, {0, 1}, 0.1},
        StolenCase{"Backwards", {{0, 50, 100}, {1, 0, 0}}, {{0, 40, 200}, {1, 10, 100}}, {0, 1}, 0.1},
        StolenCase{"TotalBackwards", {{0, 50, 900}}, {{0, 60, 200}}, {0}, 0},
        StolenCase{"NoTimePassed", {{0, 5, 10}}, {{0, 5, 10}}, {0}, 0},
        StolenCase{"MoreThanAll", {{0, 0, 0}}, {{0, 20, 10}}, {0}, 1},
        StolenCase{"FirstReading", {}, {{0, 5, 10}}, {0}, 0},
        StolenCase{"NoCpus", {{0, 0, 0}}, {{0, 5, 10}}, {}, 0}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Pressure, IsTheShareOfSome) {
  EXPECT_EQ(pressure_share("some avg10=25.00 avg60=1.00 avg300=1.11 total=69\nfull avg10=99.00\n"), 0.25);
  EXPECT_EQ(pressure_share("some avg10=400.00\n"), 1.0);
  for (const char* text :
       {"", "full avg10=5.00 avg60=0.00\n", "some avg60=5.00\n", "some avg10=nan\n", "some\n"})
    EXPECT_EQ(pressure_share(text), std::nullopt) << text;
}

struct GroupsCase {
  const char* name;
  const char* cgroup;
  const char* mountinfo;
  std::vector<CpuGroup> expected;
};
class Groups : public testing::TestWithParam<GroupsCase> {};
TEST_P(Groups, AreFoundInTheTextsOfProc) {
  EXPECT_EQ(cpu_groups(GetParam().cgroup, GetParam().mountinfo), GetParam().expected);
}
constexpr const char* kV2Mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
INSTANTIATE_TEST_SUITE_P(
    CpuSupply, Groups,
    testing::Values(
        GroupsCase{
            "OfV2GoUpToTheMount",
            "0::/a.slice/b\n",
            kV2Mount,
            {{true, "/sys/fs/cgroup/a.slice/b"}, {true, "/sys/fs/cgroup/a.slice"}, {true, "/sys/fs/cgroup"}}},
        GroupsCase{"OfV1HaveTheCpuController",
                   "3:cpuset:/a\n2:cpu,cpuacct:/b\n",
                   "31 23 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                   "32 23 0:28 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n",
                   {{false, "/cg/cpu,cpuacct/b"}, {false, "/cg/cpu,cpuacct"}}},
        GroupsCase{"OfBothVersionsBeginWithV1",
                   "1:cpu:/\n0::/\n",
                   "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
                   "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
                   {{false, "/sys/fs/cgroup/cpu"}, {true, "/sys/fs/cgroup/unified"}}},
        GroupsCase{"InAContainerAreBelowWhatIsMounted",
                   "1:cpu:/docker/abc/task\n",
                   "32 31 0:29 /docker/abc /cg ro - cgroup cgroup rw,cpu\n",
                   {{false, "/cg/task"}, {false, "/cg"}}},
        GroupsCase{"OutsideOfWhatIsMountedAreTheMount",
                   "1:cpu:/docker/abcdef\n",
                   "32 31 0:29 /docker/abc /cg ro - cgroup cgroup rw,cpu\n",
                   {{false, "/cg"}}},
        GroupsCase{"AboveTheNamespaceAreTheMount", "0::/../other\n", kV2Mount, {{true, "/sys/fs/cgroup"}}},
        GroupsCase{"OfSeveralMountsComeFromTheOneThatHoldsThem",
                   "0::/a\n",
                   "30 23 0:26 /b /part rw - cgroup2 cgroup2 rw\n"
                   "31 23 0:26 / /all rw - cgroup2 cgroup2 rw\n"
                   "32 23 0:26 / /again rw - cgroup2 cgroup2 rw\n",
                   {{true, "/all/a"}, {true, "/all"}}},
        GroupsCase{"WithSpacesAreUnescaped",
                   "0::/\n",
                   "30 23 0:26 / /mnt/c\\040group rw - cgroup2 cgroup2 rw\n",
                   {{true, "/mnt/c group"}}},
        GroupsCase{"WithoutMountAreNone", "0::/a\n", "22 1 8:1 / / rw - ext4 /dev/root rw\n", {}},
        GroupsCase{"OfNonsenseAreNone", "nonsense\n::\n0::\n", "x\n - \n30 - cgroup2\n", {}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Groups, AreBoundedFromTheInnermost) {
  std::string path;
  for (int i = 0; i < 100; ++i) path += "/" + std::to_string(i);
  const auto groups = cpu_groups("0::" + path + "\n", kV2Mount);
  ASSERT_EQ(groups.size(), kGroupsMax);
  EXPECT_EQ(groups.front().folder, "/sys/fs/cgroup" + path);
}

}  // namespace
}  // namespace sluice::server
