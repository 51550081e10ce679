#include "loadgen/lab/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "loadgen/error.hpp"

namespace sluice::loadgen::lab {

namespace {

using Clock = std::chrono::steady_clock;

cpu_set_t set_of(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<std::size_t>(cpu), &set);
  return set;
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::max<long>(0, std::min<long>(left, 60'000)));
}

/// Everything the child does before exec, prepared so that it neither allocates nor locks: the parent may
/// have other threads.
struct Launch {
  std::vector<char*> argv;
  const char* directory = nullptr;
  int output = -1, errors = -1, procs = -1;
  bool pinned = false;
  cpu_set_t cpus{};
  pid_t parent = 0;

  [[noreturn]] void run() const noexcept {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it ended before the line above
    if (procs >= 0 && ::write(procs, "0", 1) != 1) ::_exit(126);
    if (pinned) ::sched_setaffinity(0, sizeof cpus, &cpus);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(errors, STDERR_FILENO);
    const int null = ::open("/dev/null", O_RDONLY);
    if (null >= 0) ::dup2(null, STDIN_FILENO);
    if (::chdir(directory) == 0) ::execv(argv[0], argv.data());
    const char* why = ::strerror(errno);
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, why, ::strlen(why));
    ::_exit(127);
  }
};

/// A descriptor for the time of a start.
struct Fd {
  int fd = -1;
  ~Fd() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Child::Child(const ChildOptions& options) : errors_file_(options.directory + "/stderr.txt") {
  const auto fail = [&](const std::string& what) {
    throw RunError("can't start " + options.command.front() + ": " + what + ": " + std::strerror(errno));
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
  output_ = ends[0];
  const Fd output{ends[1]};
  const Fd errors{::open(errors_file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  const Fd procs{options.procs_file.empty() ? -1 : ::open(options.procs_file.c_str(), O_WRONLY | O_CLOEXEC)};
  Launch launch;
  auto command = options.command;
  for (std::string& word : command) launch.argv.push_back(word.data());
  launch.argv.push_back(nullptr);
  launch.directory = options.directory.c_str();
  launch.output = output.fd;
  launch.errors = errors.fd;
  launch.procs = procs.fd;
  launch.pinned = !options.cpus.empty();
  launch.cpus = set_of(options.cpus);
  launch.parent = ::getpid();
  const bool ready = errors.fd >= 0 && (options.procs_file.empty() || procs.fd >= 0);
  if (ready) pid_ = ::fork();
  if (pid_ == 0) launch.run();
  if (pid_ < 0) {
    const int error = errno;
    ::close(output_);
    errno = error;
    fail(errors.fd < 0 ? errors_file_ : ready ? "fork" : options.procs_file);
  }
}

Child::~Child() {
  stop(std::chrono::seconds{10});
  ::close(output_);
}

std::optional<std::string> Child::read_line(Clock::time_point deadline) {
  for (;;) {
    if (const auto end = read_.find('\n'); end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    pollfd waiting{output_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    char buffer[4096];
    const ssize_t size = ::read(output_, buffer, sizeof buffer);
    if (size <= 0) return std::nullopt;
    read_.append(buffer, static_cast<std::size_t>(size));
  }
}

void Child::reap(int status) {
  succeeded_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (WIFEXITED(status)) {
    ending_ = "exit code " + std::to_string(WEXITSTATUS(status));
  } else {
    ending_ = "signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  }
}

const std::optional<std::string>& Child::ending() {
  int status = 0;
  if (!ending_ && ::waitpid(pid_, &status, WNOHANG) == pid_) reap(status);
  return ending_;
}

bool Child::wait_until(Clock::time_point deadline) {
  // Its end makes a pidfd readable: no polling, and no handler of SIGCHLD in somebody else's program.
  const Fd handle{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
  while (!ending()) {
    if (Clock::now() >= deadline) return false;
    pollfd waiting{handle.fd, POLLIN, 0};
    const int most =
        handle.fd >= 0 ? milliseconds_until(deadline) : std::min(10, milliseconds_until(deadline));
    ::poll(&waiting, handle.fd >= 0 ? 1 : 0, most);
  }
  return true;
}

void Child::stop(std::chrono::milliseconds grace) {
  if (ending()) return;
  ::kill(pid_, SIGTERM);
  if (wait_until(Clock::now() + grace)) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  reap(status);
}

std::optional<double> Child::cpu_seconds() const {
  clockid_t clock{};
  timespec used{};
  if (ending_ || ::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &used) != 0)
    return std::nullopt;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::string Child::complaint() const {
  std::ifstream in(errors_file_);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) return line;
  }
  return "it said nothing";
}

std::vector<int> own_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

PinnedHere::PinnedHere(const std::vector<int>& cpus) {
  if (cpus.empty()) return;
  before_ = own_cpus();
  const cpu_set_t set = set_of(cpus);
  ::sched_setaffinity(0, sizeof set, &set);
}

PinnedHere::~PinnedHere() {
  if (before_.empty()) return;
  const cpu_set_t set = set_of(before_);
  ::sched_setaffinity(0, sizeof set, &set);
}

}  // namespace sluice::loadgen::lab
