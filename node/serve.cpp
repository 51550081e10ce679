#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "node/commands.hpp"
#include "server/admin.hpp"
#include "server/server.hpp"

namespace sluice::node {

namespace {

void report_problems(std::vector<server::Problem> problems) {
  if (problems.empty()) return;
  const server::Problem last = std::move(problems.back());
  problems.pop_back();
  for (const auto& problem : problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
  throw std::runtime_error(last.text());
}

void require_writable(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error && ::access(directory.c_str(), W_OK | X_OK) != 0) error = {errno, std::generic_category()};
  if (error) {
    throw std::runtime_error("can't write to the state directory " + directory.string() +
                             " (server.state_dir): " + error.message());
  }
}

/// Every connection needs a descriptor, and the default soft limit of 1,024 is a relic of select().
void raise_descriptor_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

/// Runs on the main thread: waits for signals and for what the admin listener asks, and ends the server in
/// order.
class Supervisor {
 public:
  Supervisor(server::Server& server, ClusterNode* cluster) : server_(server), cluster_(cluster) {
    for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1}) signals_.add(signal);
  }

  /// Any thread.
  void drain() {
    boost::asio::post(io_, [this] { announce_drain(server_.config().drain_grace); });
  }

  /// Returns when every processor has ended.
  void run() {
    wait_for_signal();
    std::thread joiner([this] {
      server_.join();
      boost::asio::post(io_, [this] { io_.stop(); });
    });
    io_.run();
    joiner.join();
  }

 private:
  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      on_signal(signal);
      wait_for_signal();
    });
  }

  void on_signal(int signal) {
    switch (signal) {
      case SIGTERM: announce_drain(server_.config().drain_grace); break;
      case SIGINT: draining_ ? server_.abort() : announce_drain({}); break;
      case SIGQUIT: server_.abort(); break;
      case SIGUSR1: server_.log().reopen(); break;
      default:
        std::fputs("reloading is not possible yet; restart to read the configuration again\n", stderr);
        break;
    }
  }

  /// Still taking connections for `grace`; whoever asks again has no balancer to wait for.
  void announce_drain(server::Settings::Duration grace) {
    if (!std::exchange(announced_, true)) {
      std::puts("draining");
      std::fflush(stdout);
      server_.announce_drain();
      if (cluster_ != nullptr) cluster_->drain();
      if (grace > grace.zero()) {
        deadline_.expires_after(grace);
        deadline_.async_wait([this](const boost::system::error_code& error) {
          if (!error) begin_drain();
        });
        return;
      }
    }
    begin_drain();
  }

  void begin_drain() {
    if (std::exchange(draining_, true)) return;
    server_.drain();
    deadline_.expires_after(server_.config().drain_timeout);
    deadline_.async_wait([this](const boost::system::error_code& error) {
      if (!error) server_.abort();
    });
  }

  server::Server& server_;
  ClusterNode* const cluster_;  // null: it stands alone
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_};
  boost::asio::steady_timer deadline_{io_};
  bool announced_ = false;
  bool draining_ = false;
};

}  // namespace

int serve(const Application& application, const ConfigSources& sources) {
  const auto loaded = load(application, sources);
  server::Config& config = loaded->config;
  report_problems(std::move(loaded->problems));
  if (sources.dev_port != 0) {
    const std::string port = std::to_string(sources.dev_port);
    config.listen = {"127.0.0.1:" + port, "[::1]:" + port};
  }
  if (sources.dev) prepare_dev(application, config);
  auto problems = config.check();
  for (auto& problem : loaded->cluster.check()) problems.push_back(std::move(problem));
  for (auto& problem : application.check()) problems.push_back(std::move(problem));
  report_problems(std::move(problems));
  require_writable(config.state_dir);
  raise_descriptor_limit();

  const auto app = application.make(config);
  {
    server::Server server(config, *app, loaded->cluster.membership());
    std::unique_ptr<ClusterNode> cluster;
    if (loaded->cluster.enabled()) cluster = std::make_unique<ClusterNode>(loaded->cluster, server);
    Supervisor supervisor(server, cluster.get());
    std::unique_ptr<server::Admin> admin;
    if (!config.admin_listen.empty())
      admin = std::make_unique<server::Admin>(server, [&] { supervisor.drain(); });
    if (cluster) cluster->join();
    server.start(cluster.get());
    if (admin) admin->start();
    for (const auto& endpoint : server.endpoints())
      std::printf("listening on https://%s\n", server::endpoint_text(endpoint).c_str());
    if (admin) std::printf("admin on %s\n", admin->url().c_str());
    if (sources.dev) {
      std::printf("open https://localhost:%u/\n", static_cast<unsigned>(server.endpoints().front().port()));
    }
    std::puts("ready");
    std::fflush(stdout);
    supervisor.run();
    if (cluster) cluster->leave();
  }
  app->stop();
  return 0;
}

}  // namespace sluice::node
