#include "loadgen/lab/server.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>

#include "loadgen/error.hpp"
#include "loadgen/lab/bench.hpp"
#include "loadgen/lab/folder.hpp"
#include "loadgen/lab/machine.hpp"

namespace sluice::loadgen::lab {
namespace {

using testing::HasSubstr;

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

/// As a run reports: before it begins, then a moment after the end of each second.
TEST(CpuWindow, IsWhatWasUsedFromTheEndOfTheWarmUpToTheEndOfTheArrivals) {
  CpuWindow window(2, 4);
  EXPECT_EQ(window.cpus(), std::nullopt);
  window.read(0, 9.9, 1.0);
  window.read(1, 11, 3.0);
  window.read(2, 12, 5.0);  // the warm-up has ended
  window.read(3, 13, 5.5);
  window.read(4, 14, 6.0);  // so have the arrivals
  window.read(5, 15, 9.0);  // requests in flight come to their end
  EXPECT_EQ(window.cpus(), 0.5);
}

TEST(CpuWindow, MayBeASingleSecond) {
  CpuWindow window(1, 2);
  window.read(0, 9.9, 1.0);
  window.read(1, 11, 2.0);
  window.read(2, 12, 2.25);
  EXPECT_EQ(window.cpus(), 0.25);
}

TEST(CpuWindow, BeginsWithTheRunWithoutAWarmUp) {
  CpuWindow window(0, 2);
  window.read(0, 10, 1.0);
  window.read(1, 11, 2.0);
  EXPECT_EQ(window.cpus(), 1);
  window.read(2, 12, 4.0);
  EXPECT_EQ(window.cpus(), 1.5);
}

TEST(CpuWindow, IsNotKnownOfARunThatEndedInItsWarmUp) {
  CpuWindow window(2, 4);
  window.read(0, 9.9, 1.0);
  window.read(1, 11, 3.0);
  EXPECT_EQ(window.cpus(), std::nullopt);
}

TEST(ServerKit, WithoutABinaryIsRefused) {
  const std::atomic<bool> stop{false};
  EXPECT_THROW(ServerKit("/does/not/exist", {}, stop), RunError);
}

/// A program in the server's place, as a shell script.
class ScriptedServer : public testing::Test {
 protected:
  std::string script(const std::string& body) {
    const std::string file = folder_.path() + "/sluice";
    std::ofstream(file) << "#!/bin/sh\n" << body;
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
  }
  static std::string refusal(const std::function<void()>& act) {
    try {
      act();
    } catch (const RunError& error) {
      return error.what();
    }
    return "nothing";
  }
  /// Without its quota, so that any machine can start it.
  const CpuShare everything_{};
  TemporaryFolder folder_;
  std::atomic<bool> stop_{false};
};

constexpr const char* kFillsAtOnce = "[ $1 != populate ] || exec touch \"${3#sqlite:}\"\n";

TEST_F(ScriptedServer, IsWaitedForUntilItIsReady) {
  ServerKit kit(script(std::string(kFillsAtOnce) +
                       "echo listening on https://127.0.0.1:1\necho admin on http://127.0.0.1:2\n"
                       "echo ready\nexec sleep 600\n"),
                {}, stop_);
  kit.populate(1, 1);
  const auto server = kit.start({}, everything_);
  EXPECT_EQ(server->url(), "https://127.0.0.1:1");
  EXPECT_EQ(server->metrics_url(), "http://127.0.0.1:2/metrics");
  EXPECT_EQ(server->ended(), std::nullopt);
}

TEST_F(ScriptedServer, ThatEndsInsteadIsQuoted) {
  ServerKit kit(script(std::string(kFillsAtOnce) + "echo no such setting >&2\nexit 3\n"), {}, stop_);
  kit.populate(1, 1);
  EXPECT_EQ(refusal([&] { kit.start({}, everything_); }),
            "the server did not start: exit code 3 (no such setting)");
}

TEST_F(ScriptedServer, ThatIsNotReadyIsGivenUpWhenTheLabIsStopped) {
  ServerKit kit(script(std::string(kFillsAtOnce) + "exec sleep 600\n"), {}, stop_);
  kit.populate(1, 1);
  stop_ = true;
  EXPECT_THAT(refusal([&] { kit.start({}, everything_); }), HasSubstr("stopped before the server was ready"));
}

TEST_F(ScriptedServer, ThatFillsItsDatabaseIsGivenUpWhenTheLabIsStopped) {
  ServerKit kit(script("exec sleep 600\n"), {}, stop_);
  stop_ = true;
  EXPECT_THAT(refusal([&] { kit.populate(1, 1); }), HasSubstr("stopped"));
}

TEST(CpuModel, IsReadFromTheKernelsText) {
  EXPECT_EQ(cpu_model("processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: other\n"), "AMD EPYC");
  EXPECT_EQ(cpu_model("Features : fp\n"), "unknown");
}

}  // namespace
}  // namespace sluice::loadgen::lab
