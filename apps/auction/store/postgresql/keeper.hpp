#pragma once
#include <memory>
#include <optional>
#include <thread>

#include "apps/auction/store/postgresql/blocking.hpp"
#include "apps/auction/store/postgresql/shared.hpp"

namespace sluice::auction::postgresql {

/// The one thread of a store. It looks whether the primary is there, also when nobody asks for it, and tries
/// to reach it while it is away; makes the tables where there are none; and tidies up: ended auctions leave
/// the search, expired logins and form tokens are deleted. Every server does that; they don't get into each
/// other's way, for what one has done the other does not find any more.
class Keeper {
 public:
  /// Looks at once. Throws with a sentence when the database refuses us, or holds something else; not when it
  /// is away.
  explicit Keeper(std::shared_ptr<Shared> shared);
  ~Keeper() { stop(); }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Ends the thread, after at most one answer of the database.
  void stop();

 private:
  void run();
  void look_for_it();
  void reconnect();
  void look();
  void open();
  void keep_house();
  WallSeconds now();

  const std::shared_ptr<Shared> shared_;
  const SessionOptions session_options_;
  std::optional<BlockingSession> session_;  // of the thread
  Monotonic::time_point house_due_{};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sluice::auction::postgresql
