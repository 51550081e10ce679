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
///     GET /metrics /livez /readyz /status /samples      POST /drain /policy /upgrade /migrate
class Admin {
 public:
  /// What only the process as a whole can do. Called on the admin thread.
  struct Hooks {
    /// `migrate`: live connections go to other members.
    std::function<void(bool migrate)> drain;
    /// So many go to that member; empty, or why not.
    std::function<std::string(std::string_view to, std::size_t count)> migrate;
    /// Begins to; empty, or why not.
    std::function<std::string()> upgrade;
    /// How the last one went: `upgrade` in `/status`.
    std::function<boost::json::object()> upgrade_status;
  };

  /// Listens, or goes on with what is inherited; throws with a sentence.
  Admin(Server& server, Hooks hooks, Inheritance& inherited);
  ~Admin();  ///< Stops the thread.

  void start();
  /// Good until accepting ends.
  Inheritable inheritable() const;
  /// Another process answers there from now on.
  void stop_accepting();
  /// It does not any more.
  void accept_again();
  /// "http://127.0.0.1:9180" or "unix:/run/sluice.sock".
  const std::string& url() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::server
