#include "cluster/tcp/commands.hpp"

#include <pwd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cluster/tcp/director.hpp"
#include "cluster/tcp/ingress.hpp"
#include "cluster/tcp/mover.hpp"
#include "cluster/tcp/service.hpp"

namespace sluice::cluster::tcp {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kSweep{100};

Endpoint endpoint_from(const std::string& word) {
  if (word.empty()) return {};
  const auto endpoint = endpoint_of(word);
  if (!endpoint) throw std::runtime_error("\"" + word + "\" is not an address with a port");
  return *endpoint;
}

std::vector<Endpoint> endpoints_from(const std::vector<std::string>& words) {
  std::vector<Endpoint> endpoints;
  for (const auto& word : words) endpoints.push_back(endpoint_from(word));
  return endpoints;
}

uid_t user_from(const std::string& name) {
  const passwd* const entry = ::getpwnam(name.c_str());
  if (entry == nullptr) throw std::runtime_error("there is no user \"" + name + "\"");
  return entry->pw_uid;
}

std::unique_ptr<Ingress> ingress_from(const Words& words) {
  const Interface in(words.interface), out(words.out.empty() ? words.interface : words.out);
  Lifetime lifetime{.idle = std::chrono::seconds{words.idle_s}};
  lifetime.linger = std::min(lifetime.linger, lifetime.idle);
  if (words.redirect == "nft") return nft_ingress(in, out, words.flows, lifetime);
  return tc_ingress(in, out, words.pins, words.flows, lifetime);
}

/// The kernel drops delivered frames when it checks, strictly, that their sources lie behind lo.
void check_reverse_path_filter() {
  int strictest = 0;
  for (const std::string name : {"all", "lo"}) {
    int value = 0;
    std::ifstream("/proc/sys/net/ipv4/conf/" + name + "/rp_filter") >> value;
    strictest = std::max(strictest, value);
  }
  if (strictest == 1)
    throw std::runtime_error(
        "net.ipv4.conf.all.rp_filter or that of lo is 1 (strict): frames that were held could not be "
        "delivered; set both to 0 or 2");
}

/// Runs it until it is told to end. `counts`: a line for the operator.
void run(asio::io_context& io, const std::function<void()>& sweep, const std::function<std::string()>& counts,
         const std::function<void()>& end) {
  asio::steady_timer timer(io);
  std::function<void()> again = [&] {
    timer.expires_after(kSweep);
    timer.async_wait([&](const auto& error) {
      if (error) return;
      sweep();
      again();
    });
  };
  again();
  asio::signal_set ends(io, SIGINT, SIGTERM), asks(io, SIGUSR1);
  ends.async_wait([&](const auto&, int) {
    end();
    io.stop();
  });
  std::function<void()> show = [&] {
    asks.async_wait([&](const auto& error, int) {
      if (error) return;
      std::cout << counts() << std::endl;
      show();
    });
  };
  show();
  io.run();
}

std::string text_of(const MoverCounts& counts, std::size_t redirected) {
  return "in=" + std::to_string(counts.in) + " out=" + std::to_string(counts.out) +
         " cancelled=" + std::to_string(counts.cancelled) +
         " rolled_back=" + std::to_string(counts.rolled_back) + " expired=" + std::to_string(counts.expired) +
         " refused=" + std::to_string(counts.refused) + " frames=" + std::to_string(counts.frames) +
         " frames_lost=" + std::to_string(counts.frames_lost) +
         " unsettled=" + std::to_string(counts.unsettled) + " redirected=" + std::to_string(redirected);
}

std::string text_of(const DirectorCounts& counts, std::size_t redirected) {
  return "carried_out=" + std::to_string(counts.carried_out) + " refused=" + std::to_string(counts.refused) +
         " rejected=" + std::to_string(counts.rejected) + " redirected=" + std::to_string(redirected);
}

FlipResult carry_out(Ingress& ingress, const Mac& own, const Flip& flip) {
  if (flip.mac == own) {
    ingress.restore(flip.flow);
    return FlipResult::done;
  }
  const bool failed = ingress.redirect(flip.flow, flip.mac) || ingress.decide(flip.flow);
  return failed ? FlipResult::full : FlipResult::done;
}

}  // namespace

void serve(const Words& words) {
  check_reverse_path_filter();
  const Endpoint listen = endpoint_from(words.listen), director = endpoint_from(words.director);
  const bool orders = listen.port != 0 || director.port != 0;
  if (orders && words.secret_file.empty())
    throw std::runtime_error("orders need a secret that all have: --secret-file");
  const tls::SecretBytes secret = orders ? read_secret(words.secret_file) : tls::SecretBytes{};
  asio::io_context io(1);
  const Interface interface(words.interface);
  const auto ingress = ingress_from(words);
  std::optional<RemoteRedirector> redirector;
  if (orders) redirector.emplace(io, secret);
  Mover mover(io, interface, *ingress, redirector ? &*redirector : nullptr,
              {.locals = endpoints_from(words.locals), .director = director, .own_director = listen});
  std::optional<Director> own;
  if (listen.port != 0) {
    own.emplace(io, listen, secret, [&](const Flip& flip) {
      if (!mover.local(flip.flow)) return FlipResult::not_ours;
      return mover.may_flip(flip.flow) ? carry_out(*ingress, interface.mac, flip) : FlipResult::busy;
    });
  }
  Service service(io, {.socket = words.socket, .user = user_from(words.user)},
                  Place{.mac = interface.mac, .director = listen}, mover);
  std::cout << "ready: " << words.socket << std::endl;
  run(
      io, [&] { mover.sweep(), ingress->sweep(); }, [&] { return text_of(mover.counts(), ingress->size()); },
      [&] { service.stop(); });
}

void direct(const Words& words) {
  const Endpoint listen = endpoint_from(words.listen);
  const auto locals = endpoints_from(words.locals);
  asio::io_context io(1);
  const auto ingress = ingress_from(words);
  Director director(io, listen, read_secret(words.secret_file), [&](const Flip& flip) {
    const bool ours = std::ranges::find(locals, flip.flow.local) != locals.end();
    return ours ? carry_out(*ingress, Mac{}, flip) : FlipResult::not_ours;
  });
  std::cout << "ready: " << words.listen << std::endl;
  run(
      io, [&] { ingress->sweep(); }, [&] { return text_of(director.counts(), ingress->size()); }, [] {});
}

}  // namespace sluice::cluster::tcp
