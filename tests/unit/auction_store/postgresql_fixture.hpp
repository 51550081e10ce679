#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "apps/auction/store/postgresql/blocking.hpp"
#include "tests/unit/auction_store/databases.hpp"

namespace sluice::auction::testing {

/// A database of its own for each test, on the server of this program. Left out where none is installed.
class PostgresqlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Cluster::programs().empty()) {
      GTEST_SKIP() << "no PostgreSQL server is installed (/usr/lib/postgresql/*/bin)";
    }
    url_ = Cluster::shared().new_database();
  }

  postgresql::Options options() {
    postgresql::Options options;
    options.url = url_;
    options.clock = [this] { return clock_.now(); };
    return options;
  }
  /// One seller (1) and one item (1) of 10.00.
  void open(postgresql::Options options) {
    auction_.emplace(postgresql::open_store(std::move(options)));
    wait(repo().register_user(user_named("seller"))).value();
    item_ = wait(repo().register_item(item_of(1, "Thing"))).value();
  }
  void open() { open(options()); }

  template <class T>
  T wait(Task<T> task) {
    return auction_->wait(std::move(task));
  }
  Repository& repo() { return *auction_->repository; }
  std::int64_t metric(const std::string& name) {
    const std::string text = auction_->store->metrics();
    const std::string start = "\nsluice_store_" + name + ' ';
    return std::stoll(text.substr(text.find(start) + start.size()));
  }
  std::int64_t number(const std::string& statement) { return Cluster::number(url_, statement); }
  void await_up() {
    await([&] { return auction_->store->not_ready().empty(); });
  }

  /// Starts a task without waiting for it.
  template <class T>
  std::shared_ptr<std::optional<Result<T>>> start(Task<Result<T>> task) {
    auto answer = std::make_shared<std::optional<Result<T>>>();
    boost::asio::co_spawn(auction_->loop, std::move(task), [answer](std::exception_ptr, Result<T> result) {
      answer->emplace(std::move(result));
    });
    return answer;
  }
  template <class Condition>
  void run_until(Condition condition) {
    await([&] {
      auction_->loop.restart();
      auction_->loop.poll();
      return condition();
    });
  }

  std::string url_;
  ManualClock clock_;
  std::optional<Auction> auction_;
  Id item_ = 0;
};

/// A session beside the store's.
inline postgresql::BlockingSession other_session(const std::string& url) {
  return {postgresql::connect_blocking({.target = postgresql::parse_url(url, "any")}).session,
          std::chrono::milliseconds{0}};
}

/// A bid by the form of this number.
inline BidRequest form_of(Id item, Id user, Cents amount, std::uint64_t number) {
  BidRequest request = bid_on(item, user, amount);
  request.token.emplace();
  for (auto& byte : *request.token) {
    byte = static_cast<std::uint8_t>(number);
    number >>= 8;
  }
  return request;
}

}  // namespace sluice::auction::testing
