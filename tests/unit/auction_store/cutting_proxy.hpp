#pragma once
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

/// Stands between a store and its PostgreSQL server, and cuts a session where a test wants it.
namespace sluice::auction::testing {

class CuttingProxy {
 public:
  enum class Cut {
    never,
    before_commit,  ///< The next COMMIT does not reach the server.
    after_commit,   ///< The next COMMIT is carried out, but its answer does not come.
  };

  /// Listens in `folder` for sessions with the server whose socket is in `server`.
  CuttingProxy(const std::filesystem::path& server, const std::filesystem::path& folder);
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;
  ~CuttingProxy();

  /// Once.
  void cut(Cut cut) { cut_ = cut; }
  /// Of the cuts asked for.
  bool done() const { return cut_ == Cut::never; }

 private:
  void run();
  bool forward(int from, int to, bool to_server);

  const std::string server_;
  int listener_ = -1, wake_ = -1;
  std::atomic<Cut> cut_{Cut::never};
  std::thread thread_;
};

}  // namespace sluice::auction::testing
