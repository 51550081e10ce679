#include "loadgen/lab/child.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>

#include "loadgen/error.hpp"
#include "loadgen/lab/folder.hpp"

namespace sluice::loadgen::lab {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::chrono::steady_clock::time_point soon() { return std::chrono::steady_clock::now() + 20s; }

class ChildTest : public testing::Test {
 protected:
  ChildOptions shell(const std::string& script) {
    return {.command = {"/bin/sh", "-c", script}, .directory = folder_.path()};
  }
  TemporaryFolder folder_;
};

TEST_F(ChildTest, IsReadLineByLine) {
  Child child(shell("echo one; printf 'two\\nrest'"));
  EXPECT_EQ(child.read_line(soon()), "one");
  EXPECT_EQ(child.read_line(soon()), "two");
  EXPECT_EQ(child.read_line(soon()), std::nullopt);
  EXPECT_TRUE(child.wait_until(soon()));
  EXPECT_TRUE(child.succeeded());
}

TEST_F(ChildTest, TellsHowItEndedAndWhatItComplainedOf) {
  Child child(shell("echo 'no such policy' >&2; exit 3"));
  EXPECT_TRUE(child.wait_until(soon()));
  EXPECT_EQ(child.ending(), "exit code 3");
  EXPECT_EQ(child.complaint(), "no such policy");
  EXPECT_FALSE(child.succeeded());
  EXPECT_EQ(child.cpu_seconds(), std::nullopt);
}

TEST_F(ChildTest, ThatCannotBeExecutedSaysWhy) {
  Child child({.command = {"/does/not/exist"}, .directory = folder_.path()});
  EXPECT_TRUE(child.wait_until(soon()));
  EXPECT_EQ(child.ending(), "exit code 127");
  EXPECT_THAT(child.complaint(), HasSubstr("No such file"));
}

TEST_F(ChildTest, EndsByTerm) {
  Child child(shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done"));
  ASSERT_EQ(child.read_line(soon()), "up");
  child.stop(20s);
  EXPECT_EQ(child.ending(), "exit code 0");
}

TEST_F(ChildTest, HasItsCpuTimeRead) {
  Child child(shell("while :; do :; done"));
  const auto deadline = soon();
  while (child.cpu_seconds() == 0.0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_GT(child.cpu_seconds().value_or(-1), 0);
}

TEST_F(ChildTest, ThatDoesNotHearTermIsKilled) {
  Child child(shell("trap '' TERM; echo up; while :; do sleep 0.01; done"));
  ASSERT_EQ(child.read_line(soon()), "up");
  child.stop(20ms);
  EXPECT_THAT(*child.ending(), HasSubstr("signal 9"));
}

TEST_F(ChildTest, CannotStartInAGroupThatDoesNotExist) {
  auto options = shell("true");
  options.procs_file = folder_.path() + "/absent/cgroup.procs";
  EXPECT_THROW(Child{options}, RunError);
}

TEST_F(ChildTest, RunsOnTheCpusItIsGiven) {
  auto options = shell("grep Cpus_allowed_list /proc/self/status");
  options.cpus = {own_cpus().back()};
  Child child(options);
  EXPECT_THAT(child.read_line(soon()).value_or(""), HasSubstr("\t" + std::to_string(own_cpus().back())));
}

TEST_F(ChildTest, DiesWithItsMaker) {
  // The maker is a process of its own that is killed with -9; its child would live on for an hour.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t maker = ::fork();
  if (maker == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Child child(shell("echo up; exec sleep 3600"));
    const bool up = child.read_line(soon()) == "up";
    const pid_t pid = up ? child.pid() : -1;
    if (::write(ends[1], &pid, sizeof pid) != sizeof pid) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  pid_t grandchild = 0;
  ASSERT_EQ(::read(ends[0], &grandchild, sizeof grandchild), static_cast<ssize_t>(sizeof grandchild));
  ASSERT_GT(grandchild, 0);
  ::kill(maker, SIGKILL);
  ASSERT_EQ(::waitpid(maker, nullptr, 0), maker);
  // Its pipe ends when its last writer is gone; a zombie that init has not reaped yet is dead, too.
  const auto state = [&] {
    std::error_code error;
    const auto exe = std::filesystem::read_symlink("/proc/" + std::to_string(grandchild) + "/exe", error);
    return error ? std::string("gone") : exe.string();
  };
  const auto deadline = soon();
  while (state() != "gone" && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(state(), "gone");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(PinnedHere, LastsAsLongAsTheObject) {
  const auto before = own_cpus();
  {
    const PinnedHere pinned({before.front()});
    EXPECT_EQ(own_cpus(), std::vector<int>{before.front()});
  }
  EXPECT_EQ(own_cpus(), before);
}

TEST(TemporaryFolder, LosesWhatKilledLabsLeftAndKeepsItsOwn) {
  const TemporaryFolder own;
  const std::string left = std::filesystem::path(own.path()).parent_path().string() + "/sluice-load-lab-" +
                           std::to_string(0x3fffffff) + "-abcdef";
  std::filesystem::create_directories(left + "/server-1");
  EXPECT_GE(remove_leftover_folders(), 1U);
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(std::filesystem::exists(own.path()));
}

}  // namespace
}  // namespace sluice::loadgen::lab
