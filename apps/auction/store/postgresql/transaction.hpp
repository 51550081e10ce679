#pragma once
#include <optional>
#include <utility>

#include "apps/auction/store/postgresql/connection.hpp"
#include "apps/auction/store/postgresql/shared.hpp"

namespace sluice::auction::postgresql {

/// One try of a write, on a session of its own: two trips to the database. The first begins, locks and reads
/// what the rules need, the second writes and commits. One that did not come to its commit is rolled back
/// when it goes.
class Transaction {
 public:
  /// `asked`: an earlier try may have been recorded, nobody knows.
  Transaction(Connection& connection, Shared& shared, bool asked) noexcept
      : connection_(connection), shared_(shared), asked_(asked) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  /// The results are those of `batch`.
  Task<Reply> begin(Batch batch);
  /// The results are those of `batch`. Without a failure all of it is durable.
  Task<Reply> commit(Batch batch);
  /// All in one trip, for statements that need no reading before.
  Task<Reply> only(Batch batch);

  /// The time by which the write is decided. `clock`: the result of sql::kClock.
  WallSeconds now(const ResultHandle& clock) const;

  Stage stage() const noexcept { return stage_; }
  bool may_be_recorded_already() const noexcept { return asked_; }

 private:
  Connection& connection_;
  Shared& shared_;
  const bool asked_;
  Stage stage_ = Stage::open;
  bool begun_ = false;
};

/// What one try came to: a value, or a failure that says whether another try makes sense.
template <class T>
struct Step {
  Failure failure = Failure::none;
  std::string message{};
  std::optional<Result<T>> value{};

  // Implicit, so that a step ends with what it has found out.
  Step(Reply& reply) : failure(reply.failure), message(std::move(reply.message)) {}
  Step(StoreError error) : value(Result<T>{boost::system::in_place_error, make_error_code(error)}) {}
  template <class U>
  requires std::constructible_from<T, U> Step(U&& result)
      : value(Result<T>{boost::system::in_place_value, std::forward<U>(result)}) {}
};
template <>
struct Step<void> {
  Failure failure = Failure::none;
  std::string message{};
  std::optional<Result<void>> value{};

  Step(Reply& reply) : failure(reply.failure), message(std::move(reply.message)) {
    if (reply.ok()) value.emplace();
  }
};

}  // namespace sluice::auction::postgresql
