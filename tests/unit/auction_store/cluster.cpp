#include "tests/unit/auction_store/cluster.hpp"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "apps/auction/store/postgresql/blocking.hpp"

namespace sluice::auction::testing {

namespace {

namespace fs = std::filesystem;

/// PostgreSQL does not run as root.
const passwd* other_user() {
  if (::geteuid() != 0) return nullptr;
  const passwd* user = ::getpwnam("postgres");
  return user != nullptr ? user : ::getpwnam("nobody");
}

/// Starts a program as that user; it ends with us.
pid_t spawn(const fs::path& log, const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const passwd* const user = other_user();
  const uid_t uid = user != nullptr ? user->pw_uid : ::geteuid();
  const gid_t gid = user != nullptr ? user->pw_gid : ::getegid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(gid) != 0 || ::setuid(uid) != 0))
    _exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(file, STDOUT_FILENO);
  ::dup2(file, STDERR_FILENO);
  ::execv(arguments[0], arguments.data());
  _exit(127);
}

int wait_for_end(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

postgresql::BlockingSession session_with(const std::string& url) {
  const postgresql::SessionOptions options{.target = postgresql::parse_url(url, "any")};
  auto opened = postgresql::connect_blocking(options);
  if (!opened.session) throw std::runtime_error(opened.problem);
  return {std::move(opened.session), std::chrono::milliseconds{0}};
}

}  // namespace

fs::path Cluster::programs() {
  fs::path newest;
  int newest_version = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    const int version = std::atoi(entry.path().filename().c_str());
    if (version > newest_version && fs::exists(entry.path() / "bin/postgres")) {
      newest = entry.path() / "bin";
      newest_version = version;
    }
  }
  return newest;
}

Cluster& Cluster::shared() {
  static Cluster cluster;
  return cluster;
}

Cluster::Cluster() {
  std::string name = "/tmp/sluice-pg-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  folder_ = name;
  if (const passwd* user = other_user();
      user != nullptr && ::chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error("chown failed");
  }
  set_up();
  start();
}

void Cluster::set_up() {
  const pid_t initdb = spawn(
      folder_ / "log", {(programs() / "initdb").string(), "-D", (folder_ / "data").string(), "-U", "tester",
                        "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"});
  if (wait_for_end(initdb) != 0) throw std::runtime_error("initdb failed");
}

Cluster::~Cluster() {
  stop(SIGQUIT);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void Cluster::start() {
  // Not fsync: what has to survive here is the end of processes.
  server_ = spawn(folder_ / "log",
                  {(programs() / "postgres").string(), "-D", (folder_ / "data").string(), "-k",
                   folder_.string(), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60",
                   "-c", "shared_buffers=32MB", "-c", "logging_collector=off"});
  await([&] { return PQping(url("postgres").c_str()) == PQPING_OK; });
}

void Cluster::stop(int signal) {
  if (server_ < 0) return;
  ::kill(server_, signal);
  wait_for_end(server_);
  server_ = -1;
}

std::string Cluster::url(const std::string& database) const {
  std::string host;
  for (const char c : folder_.string()) host += c == '/' ? "%2F" : std::string{c};
  return "postgresql://tester@" + host + "/" + database;
}

std::string Cluster::new_database() {
  const std::string name = "auction" + std::to_string(++databases_);
  run(url("postgres"), "CREATE DATABASE " + name);
  return url(name);
}

void Cluster::run(const std::string& url, const std::string& statement) { session_with(url).run(statement); }

std::int64_t Cluster::number(const std::string& url, const std::string& statement) {
  return session_with(url).number(statement);
}

}  // namespace sluice::auction::testing
