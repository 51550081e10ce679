#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/app.hpp"
#include "server/config.hpp"

/// A running member around an application, and the command line that every application shares.
///
///     int main(int argc, char** argv) { return sluice::node::run(argc, argv, application()); }
namespace sluice::node {

/// A word of the command line beyond the shared ones, such as `populate`.
struct Command {
  struct Option {
    std::string name;  ///< "--users"
    std::string help;
    std::string fallback{};  ///< Value when not given.
    bool flag = false;       ///< Takes no value; "true" when given.
    bool required = false;
  };
  /// Values by option name; every option of the command is there.
  using Values = std::map<std::string, std::string, std::less<>>;

  std::string name;
  std::string help;
  std::vector<Option> options;
  /// Returns the exit code. What it throws is printed in one line, with exit code 1.
  std::function<int(const Values&)> run;
};

/// What `serve --dev` gives an application to prepare a demonstration with.
struct DevContext {
  server::Config& config;
  /// The HTTPS listeners are reachable from this machine only.
  bool loopback_only;
  /// Prints a line for the person at the terminal.
  std::function<void(std::string_view)> say;
};

/// How an application joins the command line.
struct Application {
  std::string name;         ///< Of the binary.
  std::string description;  ///< One line for --help.
  /// Adds the application's own configuration keys.
  std::function<void(server::Settings&)> declare = [](server::Settings&) {};
  /// What is wrong with its settings in combination.
  std::function<std::vector<server::Problem>()> check = [] { return std::vector<server::Problem>{}; };
  /// Called by `serve --dev` after the configuration was read, before make(): demonstration data, relaxed
  /// settings.
  std::function<void(const DevContext&)> prepare_dev = [](const DevContext&) {};
  /// Throws with a sentence when it can't be set up.
  std::function<std::unique_ptr<server::App>(const server::Config&)> make;
  std::vector<Command> commands{};
};

/// Runs the command line: serve, check, print-config, gen-cert, ctl, version and the application's own
/// commands. Exit codes: 0 ok, 1 error (one sentence on standard error), 2 usage.
int run(int argc, char** argv, Application application);

/// Value of an option as a number within bounds; throws with a sentence that names the option.
std::uint64_t number_of(const Command::Values& values, std::string_view option, std::uint64_t min,
                        std::uint64_t max);

}  // namespace sluice::node
