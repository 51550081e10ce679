#include <sys/resource.h>
#include <systemd/sd-daemon.h>
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
#include "node/takeover.hpp"
#include "node/upgrade.hpp"
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

/// What the service manager wants to know (sd_notify(3)); nothing happens without one.
void tell_manager(bool ready) {
  if (ready) {
    ::sd_notifyf(0, "READY=1\nMAINPID=%ld", static_cast<long>(::getpid()));
  } else {
    ::sd_notify(0, "STOPPING=1");
  }
}

/// Runs on the main thread: waits for signals and for what the admin listener asks, and ends the server in
/// order.
class Supervisor {
 public:
  Supervisor(server::Server& server, server::App& app, ClusterNode* cluster, const Takeover* takeover,
             std::vector<std::string> command)
      : server_(server),
        cluster_(cluster),
        upgrade_(std::move(command), server,
                 {.settled = [takeover] { return takeover == nullptr || takeover->over(); },
                  .alone = [&app](bool yes) { app.alone(yes); },
                  .inheritable = [this] { return inheritable(); },
                  .taken_over = [this] { boost::asio::post(io_, [this] { hand_over(); }); },
                  .lost = [this] { boost::asio::post(io_, [this] { serve_on(); }); }}) {
    for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2}) signals_.add(signal);
  }

  /// Null: there is none. Before run().
  void set_admin(server::Admin* admin) { admin_ = admin; }

  /// Any thread.
  void drain(bool migrate) {
    boost::asio::post(io_, [this, migrate] {
      if (upgrade_.taken_over()) return;     // it ends anyway, when it has handed everything over
      if (announced_) return begin_drain();  // asked again: no more waiting
      migrates_ = migrate && cluster_ != nullptr && cluster_->has_others();
      if (migrates_) cluster_->evacuate();
      announce_drain(server_.config().drain_grace);
    });
  }
  std::string migrate(std::string_view to, std::size_t count) {
    return cluster_ == nullptr ? "this server is in no cluster" : cluster_->send_connections(to, count);
  }

  Upgrade& upgrade() noexcept { return upgrade_; }

  /// Returns when every processor has ended.
  void run() {
    wait_for_signal();
    std::thread joiner([this] {
      server_.join();
      boost::asio::post(io_, [this] { io_.stop(); });
    });
    io_.run();
    joiner.join();
    upgrade_.finish();
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
      case SIGTERM: drain(cluster_ != nullptr && cluster_->repairs()); break;
      case SIGINT: on_interrupt(); break;
      case SIGQUIT: server_.abort(); break;
      case SIGUSR1: server_.log().reopen(); break;
      case SIGUSR2: begin_upgrade(); break;
      default:
        std::fputs("reloading is not possible yet; restart to read the configuration again\n", stderr);
        break;
    }
  }

  /// Still taking connections for `grace`; whoever asks again has no balancer to wait for.
  void announce_drain(server::Settings::Duration grace) {
    if (!std::exchange(announced_, true)) {
      if (!upgrade_.taken_over()) tell_manager(false);
      std::puts("draining");
      std::fflush(stdout);
      server_.announce_drain();
      if (cluster_ != nullptr) cluster_->drain();
      if (grace > grace.zero()) {
        deadline_.expires_after(grace);
        deadline_.async_wait([this](const boost::system::error_code& error) {
          if (!error) end_service();
        });
        return;
      }
    }
    end_service();
  }

  /// At once, or when every connection that would go elsewhere has gone.
  void end_service() {
    if (!migrates_) return begin_drain();
    handed_at_ = Monotonic::now();
    await_evacuated();
  }

  void await_evacuated() {
    const auto passed = Monotonic::now() - handed_at_;
    const auto relayed = server_.connections(server::ConnectionState::relayed);
    if (draining_) return;
    if (server_.open_connections() == relayed || passed >= server_.config().drain_timeout) {
      std::printf("evacuated in %lld ms: %llu connections are relayed, %llu stayed\n", milliseconds(passed),
                  static_cast<unsigned long long>(relayed),
                  static_cast<unsigned long long>(server_.open_connections() - relayed));
      std::fflush(stdout);
      return begin_drain();
    }
    look_again([this] { await_evacuated(); });
  }

  void look_again(std::function<void()> look) {
    look_.expires_after(std::chrono::milliseconds{10});
    look_.async_wait([look = std::move(look)](const boost::system::error_code& error) {
      if (!error) look();
    });
  }

  static long long milliseconds(Monotonic::duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  }

  void begin_drain() {
    if (std::exchange(draining_, true)) return;
    server_.drain();
    deadline_.expires_after(server_.config().drain_timeout);
    deadline_.async_wait([this](const boost::system::error_code& error) {
      if (!error) cut();
    });
  }

  /// Who is relayed can be ended between two answers, by whoever serves him.
  void cut() {
    server_.end_relays();
    deadline_.expires_after(server_.config().limits.close_timeout);
    deadline_.async_wait([this](const boost::system::error_code& error) {
      if (!error) server_.abort();
    });
  }

  /// First in order, then now.
  void on_interrupt() {
    if (draining_) {
      server_.abort();
    } else if (announced_) {
      begin_drain();
    } else {
      announce_drain({});
    }
  }

  void begin_upgrade() {
    const std::string why_not = upgrade_.begin();
    if (!why_not.empty()) std::fprintf(stderr, "no upgrade: %s\n", why_not.c_str());
  }

  std::vector<server::Inheritable> inheritable() {
    auto all = server_.inheritable();
    if (admin_ != nullptr) all.push_back(admin_->inheritable());
    if (cluster_ != nullptr) {
      for (auto& listener : cluster_->inheritable()) all.push_back(std::move(listener));
    }
    return all;
  }

  /// Another process accepts; every connection goes there.
  void hand_over() {
    if (announced_ || draining_) return upgrade_.dismiss();
    if (cluster_ != nullptr) cluster_->pause_moves(true);
    handed_at_ = Monotonic::now();
    handed_ = server_.open_connections();
    server_.stop_accepting();
    if (admin_ != nullptr) admin_->stop_accepting();
    if (cluster_ != nullptr) cluster_->stop_accepting();
    server_.move({.carrier = &upgrade_, .all = true});
    await_empty();
  }

  /// The other process has ended; what it had got of connections ended with it.
  void serve_on() {
    if (draining_) return;
    look_.cancel();
    tell_manager(true);
    if (cluster_ != nullptr) cluster_->pause_moves(false);
    server_.move({});
    server_.accept_again();
    if (admin_ != nullptr) admin_->accept_again();
    if (cluster_ != nullptr) cluster_->accept_again();
  }

  void await_empty() {
    if (!upgrade_.taken_over()) return;  // any more
    const auto passed = Monotonic::now() - handed_at_;
    if (server_.open_connections() > 0 && passed < server_.config().drain_timeout)
      return look_again([this] { await_empty(); });
    std::printf("handed over: %llu connections in %lld ms, %llu left\n",
                static_cast<unsigned long long>(handed_), milliseconds(passed),
                static_cast<unsigned long long>(server_.open_connections()));
    std::fflush(stdout);
    begin_drain();
  }

  server::Server& server_;
  ClusterNode* const cluster_;  // null: it stands alone
  server::Admin* admin_ = nullptr;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_};
  boost::asio::steady_timer deadline_{io_}, look_{io_};
  Upgrade upgrade_;
  Monotonic::time_point handed_at_{};
  std::uint64_t handed_ = 0;
  bool announced_ = false;
  bool migrates_ = false;
  bool draining_ = false;
};

}  // namespace

namespace {

int serve(const Application& application, const ConfigSources& sources, Takeover* takeover) {
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
  if (takeover != nullptr) app->alone(false);
  {
    server::Inheritance nothing;
    server::Inheritance& inherited = takeover != nullptr ? takeover->inheritance() : nothing;
    server::Server server(config, *app, loaded->cluster.membership(), inherited);
    std::unique_ptr<ClusterNode> cluster;
    if (loaded->cluster.enabled())
      cluster = std::make_unique<ClusterNode>(loaded->cluster, server, inherited);
    Supervisor supervisor(server, *app, cluster.get(), takeover, sources.command);
    std::unique_ptr<server::Admin> admin;
    if (!config.admin_listen.empty()) {
      admin = std::make_unique<server::Admin>(
          server,
          server::Admin::Hooks{.drain = [&](bool migrate) { supervisor.drain(migrate); },
                               .migrate = [&](std::string_view to,
                                              std::size_t count) { return supervisor.migrate(to, count); },
                               .upgrade = [&] { return supervisor.upgrade().begin(); },
                               .upgrade_status = [&] { return supervisor.upgrade().status(); }},
          inherited);
    }
    supervisor.set_admin(admin.get());
    if (takeover != nullptr && loaded->cluster.ticket_secret_file.empty())
      server.tls().ticket_keys().replace(takeover->take_keys(), wall_now());
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
    tell_manager(true);  // before the old process can end
    if (takeover != nullptr) takeover->up(server, [&app] { app->alone(true); });
    supervisor.run();
    if (takeover != nullptr) takeover->end();
    if (cluster && !supervisor.upgrade().taken_over()) cluster->leave();
  }
  app->stop();
  return 0;
}

}  // namespace

int serve(const Application& application, const ConfigSources& sources) {
  const auto takeover = Takeover::of_environment();
  try {
    return serve(application, sources, takeover.get());
  } catch (const std::exception& error) {
    if (takeover) takeover->failed(error.what());
    throw;
  }
}

}  // namespace sluice::node
