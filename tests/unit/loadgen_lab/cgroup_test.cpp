#include "loadgen/lab/cgroup.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

namespace sluice::loadgen::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kV1 = CgroupVersion::v1;
constexpr auto kV2 = CgroupVersion::v2;

struct PlacesCase {
  const char* name;
  const char* cgroup;
  const char* mountinfo;
  std::vector<CgroupPlace> expected;
};

class Places : public testing::TestWithParam<PlacesCase> {};

TEST_P(Places, AreFoundInTheTextsOfProc) {
  EXPECT_EQ(cgroup_places(GetParam().cgroup, GetParam().mountinfo), GetParam().expected);
}

constexpr const char* kV2Mount =
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

INSTANTIATE_TEST_SUITE_P(
    Lab, Places,
    testing::Values(PlacesCase{"OfV2GoUpToTheMount",
                               "0::/user.slice/app.scope\n",
                               kV2Mount,
                               {{kV2, "/sys/fs/cgroup/user.slice/app.scope"},
                                {kV2, "/sys/fs/cgroup/user.slice"},
                                {kV2, "/sys/fs/cgroup"}}},
                    PlacesCase{"OfV1NeedTheCpuController",
                               "3:cpuset:/a\n2:cpu,cpuacct:/b\n",
                               "31 23 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                               "32 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n",
                               {{kV1, "/sys/fs/cgroup/cpu,cpuacct/b"}, {kV1, "/sys/fs/cgroup/cpu,cpuacct"}}},
                    PlacesCase{"OfBothVersionsBeginWithV1",
                               "1:cpu:/\n0::/\n",
                               "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
                               "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
                               {{kV1, "/sys/fs/cgroup/cpu"}, {kV2, "/sys/fs/cgroup/unified"}}},
                    PlacesCase{"InAContainerAreBelowWhatIsMounted",
                               "1:cpu:/docker/abc/task\n",
                               "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
                               {{kV1, "/sys/fs/cgroup/cpu/task"}, {kV1, "/sys/fs/cgroup/cpu"}}},
                    PlacesCase{"OutsideOfWhatIsMountedAreTheMountItself",
                               "1:cpu:/docker/abcdef\n",
                               "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
                               {{kV1, "/sys/fs/cgroup/cpu"}}},
                    PlacesCase{"AboveTheNamespaceAreTheMountItself",
                               "0::/../other\n",
                               kV2Mount,
                               {{kV2, "/sys/fs/cgroup"}}},
                    PlacesCase{"WithSpacesAreUnescaped",
                               "0::/\n",
                               "30 23 0:26 / /mnt/c\\040group rw - cgroup2 cgroup2 rw\n",
                               {{kV2, "/mnt/c group"}}},
                    PlacesCase{"WithoutCgroupsAreNone", "", "22 1 8:1 / / rw - ext4 /dev/root rw\n", {}},
                    PlacesCase{"OfNonsenseAreNone", "nonsense\n::\n", "nonsense\n - \n30 - cgroup2\n", {}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Quota, IsWrittenInEachVersionsWay) {
  EXPECT_EQ(quota_text(kV1, 0.5), (QuotaText{"cpu.cfs_quota_us", "50000"}));
  EXPECT_EQ(quota_text(kV2, 0.25), (QuotaText{"cpu.max", "25000 100000"}));
  EXPECT_EQ(quota_text(kV2, 1.5), (QuotaText{"cpu.max", "150000 100000"}));
  EXPECT_EQ(quota_text(kV1, 0.001), (QuotaText{"cpu.cfs_quota_us", "1000"})) << "the kernel takes no less";
}

TEST(CgroupName, CarriesThePidOfItsLab) {
  EXPECT_EQ(pid_of_cgroup(cgroup_name(1234)), 1234);
  EXPECT_EQ(pid_of_cgroup("sluice-load-lab-12x"), 0);
  EXPECT_EQ(pid_of_cgroup("sluice-load-lab--3"), 0);
  EXPECT_EQ(pid_of_cgroup("docker"), 0);
}

class CgroupFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "cgroup-test-XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(CgroupFolder, ThatTakesNoQuotaIsSaidToBeSoAndLeftAsItWas) {
  std::string reason;
  EXPECT_EQ(CpuGroup::make({{kV1, folder_}}, 0.5, reason), nullptr);
  EXPECT_THAT(reason, HasSubstr("cpu.cfs_quota_us"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(CgroupFolder, ThatDoesNotExistIsSaidToBeSo) {
  std::string reason;
  EXPECT_EQ(CpuGroup::make({{kV2, folder_ + "/absent"}}, 0.5, reason), nullptr);
  EXPECT_THAT(reason, HasSubstr("/absent"));
  EXPECT_EQ(CpuGroup::make(std::vector<CgroupPlace>{}, 0.5, reason), nullptr);
  EXPECT_THAT(reason, HasSubstr("no cgroup hierarchy"));
}

/// What was last written into the file that switches controllers on and off.
class ControllerSwitch : public CgroupFolder {
 protected:
  void SetUp() override {
    CgroupFolder::SetUp();
    std::ofstream(folder_ + "/cgroup.subtree_control") << "mem ";
  }
  std::string last_written() const {
    std::string text;
    std::getline(std::ifstream(folder_ + "/cgroup.subtree_control"), text);
    return text;
  }
};

TEST_F(ControllerSwitch, IsTurnedBackWithTheGroup) {
  std::string reason;
  EXPECT_EQ(CpuGroup::make({{kV2, folder_}}, 0.5, reason), nullptr);
  EXPECT_THAT(reason, HasSubstr("cpu.max"));  // a plain folder has none
  EXPECT_EQ(last_written(), "-cpu");
}

TEST_F(ControllerSwitch, IsTurnedBackWhenThereCanBeNoGroup) {
  std::ofstream(folder_ + "/" + cgroup_name(::getpid())) << "in the way";
  std::string reason;
  EXPECT_EQ(CpuGroup::make({{kV2, folder_}}, 0.5, reason), nullptr);
  EXPECT_THAT(reason, HasSubstr("can't make a group"));
  EXPECT_EQ(last_written(), "-cpu");
}

TEST_F(ControllerSwitch, IsLeftOnForAnotherLab) {
  ASSERT_EQ(::mkdir((folder_ + "/" + cgroup_name(1)).c_str(), 0755), 0);
  std::string reason;
  EXPECT_EQ(CpuGroup::make({{kV2, folder_}}, 0.5, reason), nullptr);
  EXPECT_EQ(last_written(), "+cpu");
}

TEST_F(ControllerSwitch, IsNotTouchedWhereItIsOn) {
  std::ofstream(folder_ + "/cgroup.subtree_control") << "cpu mem";
  std::string reason;
  EXPECT_EQ(CpuGroup::make({{kV2, folder_}}, 0.5, reason), nullptr);
  EXPECT_EQ(last_written(), "cpu mem");
}

TEST_F(CgroupFolder, LosesOnlyWhatDeadLabsLeft) {
  const auto dead = folder_ + "/" + cgroup_name(0x3fffffff);  // above the kernel's largest pid
  const auto alive = folder_ + "/" + cgroup_name(::getpid());
  for (const auto& made : {dead, alive, folder_ + "/other"}) ASSERT_EQ(::mkdir(made.c_str(), 0755), 0);
  EXPECT_EQ(remove_leftover_groups({{kV1, folder_}, {kV1, folder_ + "/absent"}}), 1U);
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(alive));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/other"));
}

TEST(CpuGroup, OfThisMachineIsGoneAfterItsUse) {
  std::string reason;
  auto group = CpuGroup::make(0.5, reason);
  if (!group) GTEST_SKIP() << reason;
  const std::string folder = group->folder();
  EXPECT_TRUE(std::filesystem::exists(folder));
  group.reset();
  EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace sluice::loadgen::lab
