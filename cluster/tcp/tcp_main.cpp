#include <pwd.h>
#include <sys/prctl.h>

#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cluster/tcp/ingress.hpp"
#include "cluster/tcp/mover.hpp"
#include "cluster/tcp/service.hpp"

namespace sluice::cluster::tcp {
namespace {

namespace asio = boost::asio;

enum Exit { kOk = 0, kFailed = 1, kUsage = 2 };
constexpr std::chrono::milliseconds kSweep{100};

struct Words {
  std::string socket = "/run/sluice/tcp.sock", user = "root", interface, out, redirect = "tc";
  std::string pins = "/sys/fs/bpf/sluice-tcp";
  std::vector<std::string> locals;
  std::size_t flows = 65'536;
};

std::vector<Endpoint> endpoints_of(const std::vector<std::string>& words) {
  std::vector<Endpoint> endpoints;
  for (const auto& word : words) {
    const auto endpoint = endpoint_of(word);
    if (!endpoint) throw std::runtime_error("\"" + word + "\" is not an address with a port");
    endpoints.push_back(*endpoint);
  }
  return endpoints;
}

uid_t user_of(const std::string& name) {
  const passwd* const entry = ::getpwnam(name.c_str());
  if (entry == nullptr) throw std::runtime_error("there is no user \"" + name + "\"");
  return entry->pw_uid;
}

std::unique_ptr<Ingress> ingress_of(const Words& words, const Interface& in) {
  const Interface out(words.out.empty() ? words.interface : words.out);
  return tc_ingress(in, out, words.pins, words.flows, Lifetime{});
}

void sweep(asio::steady_timer& timer, Mover& mover, Ingress& ingress) {
  timer.expires_after(kSweep);
  timer.async_wait([&](const auto& error) {
    if (error) return;
    mover.sweep();
    ingress.sweep();
    sweep(timer, mover, ingress);
  });
}

int serve(const Words& words) {
  asio::io_context io(1);
  const Interface interface(words.interface);
  const auto ingress = ingress_of(words, interface);
  Mover mover(io, interface, *ingress, nullptr, {.locals = endpoints_of(words.locals)});
  const Place place{.mac = interface.mac};
  Service service(io, {.socket = words.socket, .user = user_of(words.user)}, place, mover);
  asio::steady_timer timer(io);
  sweep(timer, mover, *ingress);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const auto&, int) {
    service.stop();
    io.stop();
  });
  std::cout << "ready: " << words.socket << std::endl;
  io.run();
  return kOk;
}

int run(int argc, char** argv) {
  Words words;
  CLI::App cli{"Moves established TCP connections between members of a cluster.", "sluice-tcp"};
  cli.require_subcommand(1);
  auto& serving = *cli.add_subcommand("serve", "Beside a server, on each member");
  serving.add_option("--socket", words.socket, "Where the server comes")->capture_default_str();
  serving.add_option("--user", words.user, "Who the server runs as")->capture_default_str();
  serving.add_option("--interface", words.interface, "Where clients' frames come in")->required();
  serving.add_option("--local", words.locals, "address:port to which clients connect")->required();
  serving.add_option("--pins", words.pins, "Folder in a BPF file system: what outlives the process")
      ->capture_default_str();
  serving.add_option("--flows", words.flows, "Redirected at a time")->capture_default_str();
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? kOk : kUsage;
  }
  try {
    return serve(words);
  } catch (const std::exception& error) {
    std::cerr << "sluice-tcp: " << error.what() << "\n";
    return kFailed;
  }
}

}  // namespace
}  // namespace sluice::cluster::tcp

int main(int argc, char** argv) { return sluice::cluster::tcp::run(argc, argv); }
