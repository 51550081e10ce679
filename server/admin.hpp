#pragma once
#include <functional>
#include <memory>
#include <string>

#include "server/server.hpp"

/// The operator's side: metrics, health and control over plain HTTP.
namespace sluice::server {

/// Listens on `config.admin_listen` with a thread of its own, outside admission, so that it answers while
/// processors are busy. On a TCP address that is not loopback every request needs `Authorization: Bearer
/// <admin.token>`.
///
///     GET /metrics /livez /readyz /status /samples      POST /drain /policy
class Admin {
 public:
  /// Listens; throws with a sentence. `on_drain` is called on the admin thread for `POST /drain`.
  Admin(Server& server, std::function<void()> on_drain);
  ~Admin();  ///< Stops the thread.

  void start();
  /// "http://127.0.0.1:9180" or "unix:/run/sluice.sock".
  const std::string& url() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::server
