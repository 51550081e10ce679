#pragma once
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "apps/auction/store/postgresql/shared.hpp"

namespace sluice::auction::postgresql {

/// Sessions of a processor for writes. One transaction has a session for itself; who finds none free waits in
/// line, for a bounded time and in bounded number.
class WritePool : public std::enable_shared_from_this<WritePool> {
 public:
  WritePool(const Executor& executor, std::shared_ptr<Shared> shared)
      : executor_(executor), shared_(std::move(shared)) {}
  WritePool(const WritePool&) = delete;
  WritePool& operator=(const WritePool&) = delete;

  /// A session on loan; gives it back when it goes.
  class Lease {
   public:
    Lease() = default;
    Lease(std::shared_ptr<WritePool> pool, std::shared_ptr<Connection> connection) noexcept
        : pool_(std::move(pool)), connection_(std::move(connection)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();
    Connection& connection() const noexcept { return *connection_; }

   private:
    friend class WritePool;
    std::shared_ptr<WritePool> pool_;
    std::shared_ptr<Connection> connection_;  // null: there is room for one
  };

  /// `overloaded` when the line is too long or the deadline came, `unavailable` when the database is away.
  static Task<Result<Lease>> lease(std::shared_ptr<WritePool> pool, Monotonic::time_point deadline);

  /// A session broke: those that were idle meanwhile will have broken as well.
  void drop_idle() noexcept;
  /// For good.
  void close() noexcept;

 private:
  struct Waiter {
    Timer timer;
    std::optional<Lease> given{};
  };
  class InLine;

  static Task<Result<Lease>> wait_in_line(std::shared_ptr<WritePool> pool, Monotonic::time_point deadline);
  static Task<Result<Lease>> connected(Lease place);
  std::optional<Lease> free_place();
  void take_back(std::shared_ptr<Connection> connection) noexcept;

  const Executor executor_;
  const std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Connection>> idle_;
  std::vector<std::weak_ptr<Connection>> begun_;  // all that may still be in use
  std::list<Waiter*> line_;
  std::size_t taken_ = 0;  // places, with a session or about to get one; idle ones not counted
  bool closed_ = false;
};

}  // namespace sluice::auction::postgresql
