#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>

#include "tests/unit/auction_store/support.hpp"

/// A PostgreSQL server of the tests' own, on a socket in a folder of its own.
namespace sluice::auction::testing {

class Cluster {
 public:
  /// Where the newest installed server's programs are; empty when there is none.
  static std::filesystem::path programs();
  /// That of this test program, started when it is first asked for.
  static Cluster& shared();

  Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();

  /// Returns when it takes sessions.
  void start();
  /// Returns when it is gone. SIGQUIT: at once, without writing anything down ("immediate").
  void stop(int signal);

  /// Makes a database without tables, and returns its URL.
  std::string new_database();
  /// Runs one statement in a database.
  static void run(const std::string& url, const std::string& statement);
  static std::int64_t number(const std::string& url, const std::string& statement);

  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::string url(const std::string& database) const;
  void set_up();

  std::filesystem::path folder_;
  pid_t server_ = -1;
  int databases_ = 0;
};

}  // namespace sluice::auction::testing
