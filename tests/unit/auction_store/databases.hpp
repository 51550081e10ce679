#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "apps/auction/store/postgresql/store.hpp"
#include "tests/unit/auction_store/cluster.hpp"
#include "tests/unit/auction_store/support.hpp"

/// Tests that every database has to pass.
namespace sluice::auction::testing {

enum class Kind { sqlite, postgresql };

inline std::string name_of(const ::testing::TestParamInfo<Kind>& kind) {
  return kind.param == Kind::sqlite ? "SQLite" : "PostgreSQL";
}

/// An empty auction in one of the databases, with a clock that stands still. PostgreSQL is left out where it
/// is not installed.
class OnEveryDatabase : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::postgresql && Cluster::programs().empty()) {
      GTEST_SKIP() << "no PostgreSQL server is installed (/usr/lib/postgresql/*/bin)";
    }
    auction_.emplace(open());
    begin();
  }
  /// What a test starts with.
  virtual void begin() {}

  std::unique_ptr<Store> open() {
    const auto clock = [this] { return clock_.now(); };
    if (GetParam() == Kind::sqlite) {
      sqlite::Options options;
      options.file = folder_ / "auction.db";
      options.clock = clock;
      return sqlite::open_store(std::move(options));
    }
    postgresql::Options options;
    options.url = url_ = Cluster::shared().new_database();
    options.clock = clock;
    return postgresql::open_store(std::move(options));
  }

  template <class T>
  T wait(Task<T> task) {
    return auction_->wait(std::move(task));
  }
  Repository& repo() { return *auction_->repository; }
  WallSeconds now() const { return clock_.now(); }

  TemporaryFolder folder_;
  std::string url_;  ///< Of PostgreSQL.
  ManualClock clock_;
  std::optional<Auction> auction_;
};

/// One processor: its thread, its loop, its repository; ends with `work`.
template <class Work>
std::thread processor(Store& store, Work work) {
  return std::thread([&store, work] {
    boost::asio::io_context loop{1};
    const auto repository = store.repository(loop.get_executor());
    boost::asio::co_spawn(loop, work(*repository), [&loop](std::exception_ptr) { loop.stop(); });
    loop.run();
  });
}

}  // namespace sluice::auction::testing
