#include "node/upgrade.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "cluster/protocol.hpp"
#include "node/takeover.hpp"
#include "server/tls/session_state.hpp"

extern char** environ;

namespace sluice::node {

using cluster::Parcel;
using std::chrono::milliseconds;

namespace {

/// To come up: an application may have a database to open.
constexpr std::chrono::seconds kUpPatience{60};
constexpr milliseconds kSendPatience{20};  // on a processor's thread
constexpr milliseconds kGivePatience{1'000};
constexpr milliseconds kLook{50}, kMoment{1};
constexpr int kChildFd = 3;

/// Not our own: it gets no descriptor but those it is given.
pid_t spawn(const std::vector<std::string>& command, int fd, std::string& why_not) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::string variable = std::string(kTakeoverVariable) + "=" + std::to_string(kChildFd);
  std::vector<char*> environment;
  for (char** each = environ; *each != nullptr; ++each) environment.push_back(*each);
  environment.push_back(variable.data());
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd, kChildFd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;  // signals that this process waits for are the other's own business
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, arguments[0], &actions, &attributes, arguments.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return pid;
  why_not = "can't start " + command[0] + ": " + std::strerror(error);
  return -1;
}

std::string ending_of(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return "it ended";
  if (WIFSIGNALED(status)) return "it was ended by signal " + std::to_string(WTERMSIG(status));
  return "it ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

std::vector<std::string> own_command(int argc, char** argv) {
  std::vector<std::string> command(argv, argv + argc);
  std::error_code error;
  const auto binary = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error && !command.empty()) command[0] = binary.string();
  return command;
}

/// The Carrier's part of one connection.
class Upgrade::Departure final : public server::Departure {
 public:
  explicit Departure(Upgrade& upgrade) : upgrade_(upgrade), id_(upgrade.departures_.begin()) {}

  server::Transport transport() const noexcept override { return server::Transport::fd; }
  void prepare(Done done) override {
    upgrade_.departures_.asked(id_, std::move(done), Monotonic::now());
    send({.type = Parcel::Type::prepare, .id = id_});
  }
  void offer(tls::SecretBuffer image, int fd, Done done) override {
    upgrade_.departures_.offered(id_, std::move(done), Monotonic::now());
    send({.type = Parcel::Type::state, .id = id_, .body = std::move(image), .fd = fd});
  }
  void give(Done done) override {
    upgrade_.departures_.give(id_);
    done(upgrade_.give(id_));
  }
  void keep(std::string_view why, Done done) override {
    upgrade_.departures_.keep(id_);
    upgrade_.kept(why);
    upgrade_.say(cluster::text_parcel(Parcel::Type::cancel, id_, why));
    done(true);
  }

 private:
  void send(const Parcel& parcel) {
    if (!upgrade_.say(parcel)) upgrade_.departures_.failed(id_);
  }

  Upgrade& upgrade_;
  const cluster::HandoverId id_;
};

Upgrade::Upgrade(std::vector<std::string> command, server::Server& server, Hooks hooks)
    : command_(std::move(command)), server_(server), hooks_(std::move(hooks)) {}

Upgrade::~Upgrade() { finish(); }

void Upgrade::finish() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  departures_.end_all();
}

std::string Upgrade::begin() {
  const std::lock_guard lock(mutex_);
  if (server_.draining()) return "the server is draining";
  if (state_ == State::starting) return "a new process is starting already";
  if (state_ == State::handing_over) return "another process has taken over already";
  if (thread_.joinable()) thread_.join();  // of a try that failed
  state_ = State::starting;
  reason_.clear();
  thread_ = std::thread([this] { run(); });
  return {};
}

boost::json::object Upgrade::status() const {
  static constexpr std::array<const char*, 4> kNames{"none", "starting", "failed", "handing over"};
  const std::lock_guard lock(mutex_);
  return {{"state", kNames[static_cast<std::size_t>(state_)]},
          {"reason", reason_},
          {"pid", pid_},
          {"kept", kept_}};
}

server::DeparturePtr Upgrade::depart(const server::Flow&) {
  if (!taken_over_ || stopping_) return nullptr;
  return std::make_shared<Departure>(*this);
}

bool Upgrade::say(const Parcel& parcel) const { return !socket_.send(parcel, kSendPatience); }

/// Without it the connection is nobody's.
bool Upgrade::give(cluster::HandoverId id) const {
  return !socket_.send({.type = Parcel::Type::commit, .id = id}, kGivePatience);
}

void Upgrade::kept(std::string_view why) {
  const std::lock_guard lock(mutex_);
  kept_ = why;
}

void Upgrade::fail(const std::string& why) {
  std::fprintf(stderr, "the upgrade failed, this process goes on: %s\n", why.c_str());
  hooks_.alone(true);
  const std::lock_guard lock(mutex_);
  state_ = State::failed;
  reason_ = why;
}

void Upgrade::run() {
  ::pthread_setname_np(::pthread_self(), "upgrade");
  if (const std::string why_not = start(); !why_not.empty()) return fail(why_not);
  {
    const std::lock_guard lock(mutex_);
    state_ = State::handing_over;
  }
  taken_over_ = true;
  hooks_.taken_over();
  listen();
}

/// Three processes would be one too many: the third would not know when the first has ended.
bool Upgrade::await_settled() const {
  while (!hooks_.settled()) {
    if (stopping_ || server_.draining()) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

std::string Upgrade::start() {
  if (!await_settled()) return "this server ends";
  hooks_.alone(false);
  auto [ours, theirs] = cluster::make_parcel_sockets();
  socket_ = std::move(ours);
  std::string why_not;
  const pid_t pid = spawn(command_, theirs.fd(), why_not);
  if (pid < 0) return why_not;
  theirs = cluster::ParcelSocket(-1);  // so that its end is seen
  for (const server::Inheritable& listener : hooks_.inheritable()) {
    socket_.send(cluster::text_parcel(Parcel::Type::listener, 0, listener.setting + " " + listener.address,
                                      listener.fd),
                 kUpPatience);
  }
  const auto ring = server_.tls().ticket_keys().ring();
  Parcel keys{.type = Parcel::Type::keys};
  cluster::append(cluster::Keys{{ring->keys().begin(), ring->keys().end()}}, keys.body);
  socket_.send(keys, kUpPatience);
  socket_.send({.type = Parcel::Type::go}, kUpPatience);
  why_not = await_up();
  if (why_not.empty()) {
    const std::lock_guard lock(mutex_);
    pid_ = pid;
    return {};
  }
  ::kill(pid, SIGKILL);  // ours, and of no use; it may be gone already
  const std::string ending = ending_of(pid);
  return why_not == "gone" ? ending : why_not;
}

/// It has said its last word; should it still be there it must not serve beside this process.
void Upgrade::end_child() {
  std::int64_t pid = 0;
  {
    const std::lock_guard lock(mutex_);
    pid = std::exchange(pid_, 0);
  }
  if (pid <= 0) return;
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
}

void Upgrade::dismiss() {
  taken_over_ = false;
  stopping_ = true;  // so that its end is no news
  end_child();
}

/// "gone" when it ended without a word.
std::string Upgrade::await_up() {
  const auto deadline = Monotonic::now() + kUpPatience;
  while (!stopping_ && !server_.draining() && Monotonic::now() < deadline) {
    const auto received = socket_.receive(kLook);
    if (!received) return "gone";
    if (!*received) continue;
    if ((*received)->type == Parcel::Type::up) return {};
    if ((*received)->type == Parcel::Type::failed) return (*received)->text();
  }
  return stopping_ || server_.draining() ? "this server ends" : "it did not come up within a minute";
}

/// A few of them, between words about connections. False when there are none any more.
bool Upgrade::send_sessions() {
  constexpr std::size_t kAtOnce = 64;
  const auto now = wall_now();
  if (sessions_.empty()) sessions_ = server_.tls().sessions().take(kAtOnce, now);
  while (!sessions_.empty()) {
    Parcel parcel{.type = Parcel::Type::session};
    tls::encode({.id = sessions_.back().first, .session = sessions_.back().second}, parcel.body);
    if (socket_.send(parcel, milliseconds{0})) return true;
    sessions_.pop_back();
  }
  return server_.tls().sessions().size() > 0;
}

void Upgrade::give_sessions_back() {
  for (auto& [id, session] : std::exchange(sessions_, {}))
    server_.tls().sessions().put(id, std::move(session), wall_now());
}

void Upgrade::listen() {
  while (!stopping_) {
    const bool more = send_sessions();
    const auto received = socket_.receive(more ? kMoment : kLook);
    if (!received && received.error() == cluster::ParcelError::ended) break;
    departures_.expire(Monotonic::now());
    if (!received || !*received) continue;
    const Parcel& parcel = **received;
    if (parcel.fd >= 0) ::close(parcel.fd);
    if (parcel.type == Parcel::Type::prepared) departures_.prepared(parcel.id);
    if (parcel.type == Parcel::Type::cancel) {
      if (departures_.refused(parcel.id)) kept(parcel.text());
    }
    // Too late: it stays, and the other side has to know.
    if (parcel.type == Parcel::Type::ready && !departures_.ready(parcel.id))
      say(cluster::text_parcel(Parcel::Type::cancel, parcel.id, "too late"));
  }
  if (stopping_) {
    say({.type = Parcel::Type::done});
  } else {
    taken_over_ = false;
    give_sessions_back();
    end_child();
    fail("the new process ended");
    hooks_.lost();
  }
  departures_.end_all();
}

}  // namespace sluice::node
