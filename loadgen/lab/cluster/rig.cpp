#include "loadgen/lab/cluster/rig.hpp"

#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "loadgen/error.hpp"
#include "loadgen/lab/child.hpp"

namespace sluice::loadgen::lab {

namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;

std::string script_file() {
  std::error_code error;
  return (std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "sluice-rig").string();
}

/// What the script complains of; empty when it did what it was told.
std::string run(const TemporaryFolder& folder, std::vector<std::string> command) {
  const std::string directory = folder.make("rig");
  Child child({.command = std::move(command), .directory = directory});
  const bool ended = child.wait_until(std::chrono::steady_clock::now() + kPatience);
  std::string complaint;
  if (!ended) complaint = "sluice-rig does not end";
  if (ended && !child.succeeded()) complaint = child.complaint();
  folder.remove(directory);
  return complaint;
}

}  // namespace

std::string Rig::obstacle() {
  if (::geteuid() != 0) return "network namespaces are made by root only";
  if (::access(script_file().c_str(), X_OK) != 0) return "there is no sluice-rig beside this program";
  return "";
}

Rig::Rig(unsigned members, const TemporaryFolder& folder, const std::atomic<bool>& stop)
    : folder_(folder),
      stop_(stop),
      script_(script_file()),
      name_("sluice-lab-" + std::to_string(::getpid())) {
  run(folder_, {script_, "sweep"});
  const std::string complaint =
      run(folder_, {script_, "up", name_, std::to_string(members), std::to_string(::getpid())});
  if (complaint.empty()) return;
  run(folder_, {script_, "down", name_});
  throw RunError(complaint);
}

Rig::~Rig() {
  try {
    run(folder_, {script_, "down", name_});
  } catch (const RunError&) {
    // The next rig sweeps it away.
  }
}

std::string Rig::balancer_address() { return "10.88.0.1:" + std::to_string(kServicePort); }
std::string Rig::member_address(unsigned member) { return "10.88.1." + std::to_string(10 + member); }

std::vector<std::string> Rig::in(const std::string& node, std::vector<std::string> command) const {
  command.insert(command.begin(), {script_, "run", name_, node});
  return command;
}

void Rig::tell(const std::string& verb, const std::vector<std::string>& words) {
  std::vector<std::string> command{script_, verb, name_};
  command.insert(command.end(), words.begin(), words.end());
  const std::string complaint = run(folder_, std::move(command));
  if (stop_) throw RunError("the lab was stopped");
  if (!complaint.empty()) throw RunError(complaint);
}

}  // namespace sluice::loadgen::lab
