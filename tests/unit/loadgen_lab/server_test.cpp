#include "loadgen/lab/server.hpp"

#include <gmock/gmock.h>

#include "loadgen/error.hpp"
#include "loadgen/lab/bench.hpp"
#include "loadgen/lab/machine.hpp"

namespace sluice::loadgen::lab {
namespace {

using testing::ElementsAre;

struct ShareCase {
  const char* name;
  std::vector<int> cpus;
  double processors;
  bool quota_possible;
  std::vector<int> server, generator;
  bool apart, quota;
  double in_the_end;
};

class Cpus : public testing::TestWithParam<ShareCase> {};

TEST_P(Cpus, AreSharedOut) {
  const ShareCase& c = GetParam();
  const CpuShare share = share_cpus(c.cpus, c.processors, c.quota_possible);
  EXPECT_EQ(share.server, c.server);
  EXPECT_EQ(share.generator, c.generator);
  EXPECT_EQ(share.apart, c.apart);
  EXPECT_EQ(share.quota, c.quota);
  EXPECT_EQ(share.processors, c.in_the_end);
}

INSTANTIATE_TEST_SUITE_P(
    Lab, Cpus,
    testing::Values(
        ShareCase{"WithAQuotaForAFraction", {0, 1}, 0.5, true, {1}, {0}, true, true, 0.5},
        ShareCase{"WithoutAQuotaForAWholeOne", {0, 1}, 1, true, {1}, {0}, true, false, 1},
        ShareCase{"RoundedUpWhereNoQuotaIsPossible", {0, 1}, 0.5, false, {1}, {0}, true, false, 1},
        ShareCase{"WithTheGeneratorWhereNoneIsLeft", {0, 1}, 2, true, {0, 1}, {0, 1}, false, false, 2},
        ShareCase{"OnASingleCpu", {3}, 0.5, true, {3}, {3}, false, true, 0.5},
        ShareCase{"FromTheEnd", {0, 2, 4, 6}, 1.5, true, {4, 6}, {0, 2}, true, true, 1.5}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(CpuWindow, IsWhatWasUsedFromTheEndOfTheWarmUpOn) {
  CpuWindow window;
  EXPECT_EQ(window.cpus(), std::nullopt);
  window.read(10, 1.0, false);
  window.read(11, 5.0, false);  // the last reading of the warm-up
  window.read(12, 5.5, true);
  window.read(13, 6.0, true);
  window.read(14, 9.0, false);  // requests in flight come to their end
  EXPECT_EQ(window.cpus(), 0.5);
}

TEST(ServerKit, WithoutABinaryIsRefused) { EXPECT_THROW(ServerKit("/does/not/exist", {}), RunError); }

TEST(CpuModel, IsReadFromTheKernelsText) {
  EXPECT_EQ(cpu_model("processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: other\n"), "AMD EPYC");
  EXPECT_EQ(cpu_model("Features : fp\n"), "unknown");
}

}  // namespace
}  // namespace sluice::loadgen::lab
