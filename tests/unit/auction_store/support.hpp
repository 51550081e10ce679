#pragma once
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "apps/auction/store/sqlite/store.hpp"

/// What the tests of the store share: a folder that goes away, a clock that stands still, a processor of one
/// test.
namespace sluice::auction::testing {

/// In memory where there is a file system for it: the tests sync a lot, and none needs a disk to be right.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const std::filesystem::path memory = "/dev/shm";
    const bool usable = ::access(memory.c_str(), W_OK) == 0;
    const auto parent = usable ? memory : std::filesystem::temp_directory_path();
    std::string name = (parent / "sluice-store-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// 2026-01-01 00:00:00 UTC.
inline constexpr WallSeconds kNewYear{std::chrono::seconds{1'767'225'600}};

/// Stands still until it is moved. Any thread.
class ManualClock {
 public:
  WallSeconds now() const { return WallSeconds{std::chrono::seconds{seconds_.load()}}; }
  void advance(std::chrono::seconds by) { seconds_ += by.count(); }

 private:
  std::atomic<std::int64_t> seconds_{kNewYear.time_since_epoch().count()};
};

/// Waits for something that another thread is about to do. The bound only ends a test that has failed.
template <class Condition>
void await(Condition condition) {
  const auto give_up = Monotonic::now() + std::chrono::seconds{60};
  while (!condition()) {
    if (Monotonic::now() > give_up) throw std::runtime_error("what was awaited never came");
    std::this_thread::yield();
  }
}

/// Runs `task` to its end on `loop`.
template <class T>
T wait_for(boost::asio::io_context& loop, Task<T> task) {
  std::optional<T> result;
  std::exception_ptr failure;
  boost::asio::co_spawn(loop.get_executor(), std::move(task), [&](std::exception_ptr error, T value) {
    failure = error;
    if (!error) result.emplace(std::move(value));
    loop.stop();  // timers of sessions that broke may still be there
  });
  loop.restart();
  loop.run();
  if (failure) std::rethrow_exception(failure);
  if (!result) throw std::logic_error("the task never ended");
  return std::move(*result);
}

/// A store with one processor, whose repository is used one call after the other.
class Auction {
 public:
  explicit Auction(sqlite::Options options) : Auction(sqlite::open_store(std::move(options))) {}
  explicit Auction(std::unique_ptr<Store> opened) : store(std::move(opened)) {
    repository = store->repository(loop.get_executor());
  }
  Auction(const Auction&) = delete;
  Auction& operator=(const Auction&) = delete;
  ~Auction() {
    repository.reset();
    store->stop();
  }

  template <class T>
  T wait(Task<T> task) {
    return wait_for(loop, std::move(task));
  }

  boost::asio::io_context loop{1};
  std::unique_ptr<Store> store;
  std::unique_ptr<Repository> repository;
};

inline NewUser user_named(std::string nickname) {
  NewUser user;
  user.firstname = "First";
  user.lastname = "Last";
  user.email = nickname + "@example.org";
  user.nickname = std::move(nickname);
  user.password_hash = "hash";
  user.region = 1;
  return user;
}

inline NewItem item_of(Id seller, std::string name, Cents price = {1000}) {
  NewItem item;
  item.name = std::move(name);
  item.description = "A thing.";
  item.initial_price = price;
  item.seller = seller;
  item.category = 1;
  return item;
}

inline BidRequest bid_on(Id item, Id user, Cents amount) {
  BidRequest request;
  request.item = item;
  request.user = user;
  request.amount = amount;
  return request;
}

inline PurchaseRequest purchase_of(Id item, Id buyer, std::int64_t quantity = 1) {
  PurchaseRequest request;
  request.item = item;
  request.buyer = buyer;
  request.quantity = quantity;
  return request;
}

}  // namespace sluice::auction::testing
