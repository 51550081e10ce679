#pragma once
#include <memory>

#include "apps/auction/store/postgresql/lane.hpp"
#include "apps/auction/store/postgresql/transaction.hpp"
#include "apps/auction/store/postgresql/write_pool.hpp"

namespace sluice::auction::postgresql {

/// Which session serves a read.
enum class Reads : std::uint8_t {
  current,  ///< Sees every write that was acknowledged: the primary.
  lists,    ///< May be a moment old: the replica if there is one. A session of its own in any case, since it
            ///< takes longer than the others.
};

/// All sessions of one processor, and how reads and writes use them. Kept alive by whoever waits in it.
class SessionSet {
 public:
  SessionSet(const Executor& executor, std::shared_ptr<Shared> shared);

  /// One batch; tried again when its session breaks or others are in the way. The failure is `none`,
  /// `overloaded` or `unavailable`.
  static Task<Reply> read(std::shared_ptr<SessionSet> sessions, Reads reads, Batch batch);

  /// One write with all its tries. `repeatable`: see after_failure().
  template <class T, class Request>
  static Task<Result<T>> write(std::shared_ptr<SessionSet> sessions,
                               Task<Step<T>> (*operation)(Transaction&, const Request&), Request request,
                               bool repeatable);

  void close() noexcept;

 private:
  struct Tries {
    const Monotonic::time_point deadline;
    int count = 0;
    bool unknown = false;  ///< One of them may have been recorded.
  };

  static Task<std::shared_ptr<Connection>> session(std::shared_ptr<SessionSet> sessions, Reads reads);
  /// What to do after a failed try; counts it, and waits the pause before the next one.
  static Task<bool> goes_on(std::shared_ptr<SessionSet> sessions, Tries& tries, Failure failure, Stage stage,
                            bool repeatable);
  void end_read(Reply& reply) noexcept;
  void end_write(bool done) noexcept;
  void tell(Failure failure, const std::string& message);

  const Executor executor_;
  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Lane> current_, lists_;
  const std::shared_ptr<WritePool> pool_;
};

template <class T, class Request>
Task<Result<T>> SessionSet::write(std::shared_ptr<SessionSet> sessions,
                                  Task<Step<T>> (*operation)(Transaction&, const Request&), Request request,
                                  bool repeatable) {
  Tries tries{.deadline = Monotonic::now() + sessions->shared_->options.write_deadline};
  for (;;) {
    auto lease = co_await WritePool::lease(sessions->pool_, tries.deadline);
    if (!lease) {
      sessions->end_write(false);
      co_return Result<T>{boost::system::in_place_error, lease.error()};
    }
    Failure failure = Failure::none;
    Stage stage = Stage::open;
    {
      Transaction transaction(lease->connection(), *sessions->shared_, tries.unknown);
      Step<T> step = co_await operation(transaction, request);
      if (step.value) {
        sessions->end_write(true);
        co_return std::move(*step.value);
      }
      failure = step.failure;
      stage = transaction.stage();
      sessions->tell(failure, step.message);
    }
    *lease = WritePool::Lease{};  // while we pause, somebody else may go on
    const bool again = co_await goes_on(sessions, tries, failure, stage, repeatable);
    if (!again) {
      sessions->end_write(false);
      co_return Result<T>{boost::system::in_place_error, make_error_code(store_error(failure))};
    }
  }
}

}  // namespace sluice::auction::postgresql
