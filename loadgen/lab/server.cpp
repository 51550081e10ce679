#include "loadgen/lab/server.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "loadgen/error.hpp"

namespace sluice::loadgen::lab {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kStartTime = 60s;  // a server under a quota of a hundredth of a CPU is slow
constexpr auto kCommandTime = 10min;
constexpr auto kStopTime = 10s;
constexpr auto kSlice = 100ms;  // of any wait: somebody may ask to stop

std::string find_binary(const std::string& asked) {
  const auto usable = [](const fs::path& path) { return ::access(path.c_str(), X_OK) == 0; };
  if (!asked.empty()) {
    if (usable(asked)) return fs::absolute(asked).string();
    throw RunError("can't run the server " + asked + ": " + std::strerror(errno));
  }
  std::error_code error;
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path() / "sluice";
  if (!error && usable(beside)) return beside.string();
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && usable(fs::path(folder) / "sluice"))
      return fs::absolute(folder + "/sluice").string();
  }
  throw RunError("there is no sluice beside this program nor on the PATH; say where with --server");
}

/// What the lab needs of any server; a variant and the user's own settings come after it and win.
std::vector<std::string> base_settings(const std::string& state) {
  return {
      "server.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0", "server.state_dir=" + state, "log.access=off",
      // Connections of a run are closed by their end; one that hangs must not hold up the next.
      "server.drain_timeout=2s",
      // All users of a lab have one address.
      "limits.connections=1000000", "limits.connections_per_address=1000000", "auction.rubis_client=true"};
}

}  // namespace

CpuShare share_cpus(const std::vector<int>& cpus, double processors, bool quota_possible) {
  const double whole = std::ceil(processors);
  CpuShare share;
  share.quota = processors < whole && quota_possible;
  share.processors = share.quota ? processors : whole;
  const auto count = static_cast<std::size_t>(whole);
  share.apart = count < cpus.size();
  const auto border = cpus.end() - static_cast<std::ptrdiff_t>(share.apart ? count : 0);
  if (share.apart) {
    share.server.assign(border, cpus.end());
    share.generator.assign(cpus.begin(), border);
  } else {
    share.server = share.generator = cpus;
  }
  return share;
}

Server::~Server() {
  if (child_) child_->stop(kStopTime);
  child_.reset();
  group_.reset();
  folder_->remove(state_);
}

std::optional<std::string> Server::ended(std::chrono::milliseconds grace) {
  if (!child_->wait_until(Clock::now() + grace)) return std::nullopt;
  return *child_->ending() + " (" + child_->complaint() + ")";
}

ServerKit::ServerKit(std::string binary, std::vector<std::string> settings, const std::atomic<bool>& stop)
    : binary_(find_binary(binary)), settings_(std::move(settings)), stop_(stop) {
  const auto probe = CpuGroup::make(0.5, quota_obstacle_);
  if (probe) {
    quota_obstacle_.clear();
    quota_text_ = probe->text();
  }
}

/// False when it has not ended by itself by `deadline`.
bool ServerKit::wait_for(Child& child, Clock::time_point deadline) {
  while (!child.wait_until(std::min(deadline, Clock::now() + kSlice))) {
    if (stop_) throw RunError("the lab was stopped while it prepared a server");
    if (Clock::now() >= deadline) return false;
    while (child.read_line(Clock::now())) {  // what nobody reads would block it in the end
    }
  }
  return true;
}

void ServerKit::run_command(std::vector<std::string> arguments, const std::string& purpose) {
  arguments.insert(arguments.begin(), binary_);
  const std::string directory = folder_.make("command-" + std::to_string(++started_));
  Child child({.command = std::move(arguments), .directory = directory});
  if (!wait_for(child, Clock::now() + kCommandTime))
    throw RunError("it took more than ten minutes to " + purpose);
  if (!child.succeeded()) throw RunError("can't " + purpose + ": " + child.complaint());
  folder_.remove(directory);
}

void ServerKit::populate(std::uint32_t users, std::uint32_t items) {
  run_command({"populate", "--db", "sqlite:" + folder_.path() + "/auction.db", "--users",
               std::to_string(users), "--items", std::to_string(items), "--old-items", "0", "--seed", "1"},
              "fill the database");
}

void ServerKit::copy_database(const std::string& folder) const {
  std::error_code error;
  fs::copy_file(folder_.path() + "/auction.db", folder + "/auction.db", error);
  if (error) throw RunError("can't copy the database: " + error.message());
}

std::string ServerKit::certificate_file(KeyKind kind) {
  auto& base = certificates_[kind];
  if (base.empty()) {
    const std::string made = folder_.path() + "/" + std::string(name_of(kind));
    make_certificate(kind, made + ".crt", made + ".key");
    base = made;
  }
  return base + ".crt";
}

std::vector<std::string> ServerKit::settings_for(const Variant& variant, const std::string& state) {
  auto all = base_settings(state);
  const std::string certificate = certificate_file(variant.certificate);
  all.push_back("tls.certificate=" + certificate);
  all.push_back("tls.private_key=" + certificates_[variant.certificate] + ".key");
  for (auto& setting : server_settings(variant)) all.push_back(std::move(setting));
  all.insert(all.end(), settings_.begin(), settings_.end());
  std::vector<std::string> arguments;
  for (auto& setting : all) {
    arguments.emplace_back("--set");
    arguments.push_back(std::move(setting));
  }
  return arguments;
}

void ServerKit::check(const Variant& variant) {
  const std::string state = folder_.make("check-" + std::to_string(++started_));
  std::vector<std::string> command{binary_, "check"};
  for (auto& argument : settings_for(variant, state)) command.push_back(std::move(argument));
  Child child({.command = std::move(command), .directory = state});
  if (!wait_for(child, Clock::now() + kStartTime)) throw RunError("the server does not check its settings");
  if (!child.succeeded()) {
    throw RunError("the server refuses the settings of \"" + variant.name + "\": " + child.complaint());
  }
  folder_.remove(state);
}

std::unique_ptr<Server> ServerKit::start(const Variant& variant, const CpuShare& cpus) {
  auto server = std::make_unique<Server>();
  server->folder_ = &folder_;
  server->state_ = folder_.make("server-" + std::to_string(++started_));
  copy_database(server->state_);
  ChildOptions options{.directory = server->state_, .cpus = cpus.server};
  options.command = {binary_, "serve"};
  for (auto& argument : settings_for(variant, server->state_)) options.command.push_back(std::move(argument));
  if (cpus.quota) {
    std::string reason;
    server->group_ = CpuGroup::make(cpus.processors, reason);
    if (!server->group_) throw RunError("the CPU quota is no longer possible: " + reason);
    options.procs_file = server->group_->procs_file();
  }
  server->child_ = std::make_unique<Child>(options);
  static constexpr std::string_view kListening = "listening on ";
  static constexpr std::string_view kAdmin = "admin on ";
  await_ready(*server->child_, stop_, [&](std::string_view line) {
    if (line.starts_with(kListening)) server->url_ = line.substr(kListening.size());
    if (line.starts_with(kAdmin)) server->admin_url_ = line.substr(kAdmin.size());
  });
  if (server->url_.empty() || server->admin_url_.empty())
    throw RunError("the server is ready but did not say where it listens");
  return server;
}

void await_ready(Child& server, const std::atomic<bool>& stop,
                 const std::function<void(std::string_view line)>& line) {
  static constexpr auto kPause = 5ms;
  const auto deadline = Clock::now() + kStartTime;
  while (Clock::now() < deadline) {
    const auto said = server.read_line(std::min(deadline, Clock::now() + kSlice));
    if (stop) throw RunError("the lab was stopped before the server was ready");
    if (!said) {
      // A slice is over, or its output is: then it has ended, or ends in a moment.
      if (server.wait_until(Clock::now() + kPause))
        throw RunError("the server did not start: " + *server.ending() + " (" + server.complaint() + ")");
    } else if (*said == "ready") {
      return;
    } else {
      line(*said);
    }
  }
  throw RunError("the server was not ready after a minute");
}

std::string ServerKit::version() {
  const std::string state = folder_.make("version");
  Child child({.command = {binary_, "version"}, .directory = state});
  return child.read_line(Clock::now() + kStartTime).value_or("unknown");
}

}  // namespace sluice::loadgen::lab
