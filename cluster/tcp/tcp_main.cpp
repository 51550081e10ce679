#include <iostream>

#include <CLI/CLI.hpp>

#include "cluster/tcp/commands.hpp"

namespace sluice::cluster::tcp {
namespace {

enum Exit { kOk = 0, kFailed = 1, kUsage = 2 };

void add_common(CLI::App& command, Words& words) {
  command.add_option("--interface", words.interface, "Where clients' frames come in")->required();
  command.add_option("--local", words.locals, "address:port to which clients connect; several")->required();
  command.add_option("--redirect", words.redirect, "How frames are held and redirected")
      ->check(CLI::IsMember({"tc", "nft"}))
      ->capture_default_str();
  command.add_option("--pins", words.pins, "Folder in a BPF file system: what outlives the process (tc)")
      ->capture_default_str();
  command.add_option("--flows", words.flows, "Redirected at a time")
      ->check(CLI::Range(1, 1 << 22))
      ->capture_default_str();
  command.add_option("--idle", words.idle_s, "Seconds without a frame after which a redirect ends")
      ->check(CLI::Range(10, 7 * 86'400))
      ->capture_default_str();
}

int run(int argc, char** argv) {
  Words words;
  CLI::App cli{"Moves established TCP connections between members of a cluster.", "sluice-tcp"};
  cli.require_subcommand(1);
  auto& serving = *cli.add_subcommand("serve", "Beside a server, on each member");
  add_common(serving, words);
  serving.add_option("--socket", words.socket, "Where the server comes")->capture_default_str();
  serving.add_option("--user", words.user, "Who the server runs as")->capture_default_str();
  serving.add_option("--director", words.director, "address:port of `direct` in the tier in front");
  serving.add_option("--listen", words.listen,
                     "address:port for orders of other members, without such a tier");
  serving.add_option("--secret-file", words.secret_file, "Of all who give and take orders");
  auto& directing = *cli.add_subcommand("direct", "In the tier in front: takes orders to redirect");
  add_common(directing, words);
  directing.add_option("--out", words.out,
                       "By which frames leave for the members; without: where they came in");
  directing.add_option("--listen", words.listen, "address:port for orders")->required();
  directing.add_option("--secret-file", words.secret_file, "Of all who give and take orders")->required();
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? kOk : kUsage;
  }
  try {
    serving.parsed() ? serve(words) : direct(words);
    return kOk;
  } catch (const std::exception& error) {
    std::cerr << "sluice-tcp: " << error.what() << "\n";
    return kFailed;
  }
}

}  // namespace
}  // namespace sluice::cluster::tcp

int main(int argc, char** argv) { return sluice::cluster::tcp::run(argc, argv); }
