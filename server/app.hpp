#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "server/http/message.hpp"
#include "server/task.hpp"

/// What an application is to the server, and the server to an application. The application sees requests,
/// never connections; the server knows no application.
namespace sluice::server {

/// Requests of one processor that wait for the application's own threads. One thread.
struct WaitingAside {
  std::size_t requests = 0;  ///< Now.
  double waited_s = 0;       ///< Of all that came back from there.
};

/// Lent to the application's part on one processor; outlives it.
struct ProcessorContext {
  unsigned index;     ///< 0 to `processors` - 1.
  Executor executor;  ///< Runs on the processor's own thread. Answers from other threads are posted here.
  WaitingAside* aside = nullptr;  ///< See Aside. Null: nobody asks.
  unsigned processors = 1;        ///< In all.
};

/// Held by the application while a request waits for the application's own threads (to hash a password, say).
/// Such a wait says nothing about a slow database, so the guard against one neither counts nor bounds it.
class Aside {
 public:
  explicit Aside(const ProcessorContext& context) noexcept : aside_(context.aside) {
    if (aside_ != nullptr) ++aside_->requests;
  }
  ~Aside() {
    if (aside_ == nullptr) return;
    --aside_->requests;
    aside_->waited_s += std::chrono::duration<double>(Monotonic::now() - since_).count();
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  WaitingAside* const aside_;
  const Monotonic::time_point since_ = Monotonic::now();
};

/// The application on one processor: its caches and database handles. Created, used and destroyed on that
/// processor's thread, so it needs no locks.
class AppProcessor {
 public:
  virtual ~AppProcessor() = default;

  /// Answers one request. Requests of one connection come one after the other, those of different connections
  /// interleave wherever this coroutine suspends. Must not block longer than a local database read. HEAD
  /// arrives as HEAD and is answered like GET; the server leaves the body out. An exception is logged and
  /// answered with 500.
  virtual Task<http::Response> handle(const http::Request& request) = 0;

  /// False: there is nothing of the application at this path. The server then looks among its files first,
  /// and calls handle() only if there is none, for a page that says so.
  virtual bool knows(const http::Request&) const { return true; }
};

/// The application as a whole. Shared by all processors, so everything const must be safe to call from any
/// thread.
class App {
 public:
  virtual ~App() = default;

  /// Labels of `http_requests_total{interaction}`; index 0 is for everything else (static files, 404). At
  /// most 64.
  virtual std::span<const std::string_view> interactions() const noexcept = 0;

  /// Called once on each processor's thread before it accepts. Throws when the processor can't be set up.
  virtual std::unique_ptr<AppProcessor> start(ProcessorContext context) = 0;

  /// Empty while the application can serve; otherwise the sentence `/readyz` answers with 503.
  virtual std::string not_ready() const { return {}; }

  /// Seconds of CPU work that wait in the application's own threads: the sign by which admission sees that
  /// they are the bottleneck. Any thread, ten times a second.
  virtual double backlog_s() const { return 0; }

  /// False while another process of this application serves as well, or may be about to: during an upgrade.
  /// For whoever keeps what the other could change. Any thread.
  virtual void alone(bool) {}

  /// Text in Prometheus' exposition format, appended to `/metrics`; empty when there is none.
  virtual std::string metrics() const { return {}; }

  /// Called once after the last processor has stopped: flush and close.
  virtual void stop() {}
};

}  // namespace sluice::server
