#include <csignal>
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>

#include "node/commands.hpp"
#include "node/node.hpp"
#include "node/upgrade.hpp"

namespace sluice::node {

namespace {

constexpr int kError = 1;
constexpr int kUsage = 2;

void add_sources(CLI::App& command, ConfigSources& sources) {
  command.add_option("-c,--config", sources.file, "Configuration file (TOML)");
  command.add_option("--set", sources.sets, "A setting: key=value; may be repeated")->take_all();
}

/// Adds the application's own commands; `chosen` is set to what is to run.
void add_commands(CLI::App& cli, const Application& application,
                  std::map<std::string, Command::Values>& values, std::function<int()>& chosen) {
  for (const Command& command : application.commands) {
    auto* sub = cli.add_subcommand(command.name, command.help);
    Command::Values& of_command = values[command.name];
    for (const auto& option : command.options) {
      std::string& value = of_command[option.name];
      value = option.fallback;
      if (option.flag) {
        sub->add_flag_callback(
            option.name, [&value] { value = "true"; }, option.help);
      } else {
        auto* added = sub->add_option(option.name, value, option.help)->capture_default_str();
        if (option.required) added->required();
      }
    }
    sub->callback([&chosen, &command, &of_command] { chosen = [&] { return command.run(of_command); }; });
  }
}

}  // namespace

int run(int argc, char** argv, Application application) {
  std::signal(SIGPIPE, SIG_IGN);  // a vanished peer is an error code of the write
  CLI::App cli{application.description, application.name};
  cli.require_subcommand(1);
  cli.set_help_all_flag("--help-all", "Help of all commands");

  ConfigSources sources{.command = own_command(argc, argv)};
  std::function<int()> chosen;

  auto* serve_command = cli.add_subcommand("serve", "Serve HTTPS until told to stop");
  add_sources(*serve_command, sources);
  serve_command->add_flag("--dev", sources.dev,
                          "Try it out: self-signed certificate, demonstration data, loopback only");
  serve_command->add_option("--port", sources.dev_port, "With --dev: the HTTPS port (default 8443)")
      ->check(CLI::Range(1, 65535));
  serve_command->callback([&] { chosen = [&] { return serve(application, sources); }; });

  auto* check_command = cli.add_subcommand("check", "Check a configuration and report every problem");
  add_sources(*check_command, sources);
  check_command->callback([&] { chosen = [&] { return check(application, sources); }; });

  bool origin = false;
  auto* print_command = cli.add_subcommand("print-config", "Print the configuration in force");
  add_sources(*print_command, sources);
  print_command->add_flag("--origin", origin, "Say where each value comes from");
  print_command->callback([&] { chosen = [&] { return print_config(application, sources, origin); }; });

  std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
  std::string certificate_file = "certificate.pem";
  std::string key_file = "key.pem";
  unsigned days = 365;
  auto* certificate_command = cli.add_subcommand("gen-cert", "Make a self-signed ECDSA certificate");
  certificate_command
      ->add_option("--name", names, "DNS names and addresses; with --cluster the members' names")
      ->capture_default_str();
  std::string cluster_folder;
  certificate_command->add_option("--cluster", cluster_folder,
                                  "Make members' certificates instead, in this folder, and their authority "
                                  "if it is not there yet");
  certificate_command->add_option("--certificate", certificate_file, "Where to write it")
      ->capture_default_str();
  certificate_command->add_option("--key", key_file, "Where to write its key")->capture_default_str();
  certificate_command->add_option("--days", days, "Lifetime")
      ->capture_default_str()
      ->check(CLI::Range(1, 3650));
  certificate_command->callback([&] {
    chosen = [&] {
      return cluster_folder.empty() ? generate_certificate(names, certificate_file, key_file, days)
                                    : generate_members(names, cluster_folder, days);
    };
  });

  std::string admin = "http://127.0.0.1:9180";
  std::string token;
  std::string what;
  auto* control_command = cli.add_subcommand("ctl", "Talk to a running server");
  control_command->add_option("--admin", admin, "Its admin listener: http://host:port or unix:PATH")
      ->capture_default_str();
  control_command->add_option("--token", token, "Bearer token")->envname("SLUICE_ADMIN_TOKEN");
  std::string argument;
  control_command
      ->add_option(
          "what", what,
          "status; drain [--migrate]; upgrade (the binary as it is now takes over, no connection is broken); "
          "migrate --to MEMBER [--count N]; policy NAME "
          "(off, observe, paper, session-budget); samples (what admission saw in the last ten minutes, CSV "
          "for sluice-replay)")
      ->required()
      ->check(CLI::IsMember({"status", "drain", "upgrade", "migrate", "policy", "samples"}));
  control_command->add_option("argument", argument, "Of policy: its name");
  bool migrate = false;
  control_command->add_flag("--migrate", migrate, "Of drain: live connections go to other members");
  std::string to;
  control_command->add_option("--to", to, "Of migrate: the member's name");
  unsigned moved = 1'000'000;
  control_command->add_option("--count", moved, "Of migrate: how many connections; without it all there are")
      ->check(CLI::Range(1u, 1'000'000u));
  control_command->callback([&] {
    chosen = [&] {
      if (what == "migrate") argument = to + " " + std::to_string(moved);
      if (what == "drain" && migrate) argument = "migrate";
      return control(admin, token, what, argument);
    };
  });

  bool json = false;
  auto* version_command = cli.add_subcommand("version", "Print the version");
  version_command->add_flag("--json", json, "As JSON, with compiler and libraries");
  version_command->callback([&] { chosen = [&] { return version(application, json); }; });

  std::map<std::string, Command::Values> values;
  add_commands(cli, application, values, chosen);

  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = cli.exit(error);  // prints help or what is wrong
    return code == 0 ? 0 : kUsage;
  }
  try {
    return chosen();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", application.name.c_str(), error.what());
    return kError;
  }
}

}  // namespace sluice::node
