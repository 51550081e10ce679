#include "apps/auction/store/postgresql/transaction.hpp"

#include <string_view>

#include "apps/auction/store/postgresql/statements.hpp"

namespace sluice::auction::postgresql {

Transaction::~Transaction() {
  if (!begun_ || !connection_.usable()) return;
  Batch rollback;
  rollback.push_back({.statement = &sql::kRollback});
  connection_.tell(rollback);
}

Task<Reply> Transaction::begin(Batch batch) {
  begun_ = true;
  batch.insert(batch.begin(), Query{.statement = &sql::kBegin});
  Reply reply = co_await connection_.exchange(batch);
  if (reply.ok()) reply.results.erase(reply.results.begin());
  co_return reply;
}

Task<Reply> Transaction::commit(Batch batch) {
  batch.push_back({.statement = &sql::kCommit});
  stage_ = Stage::committing;
  const auto start = Monotonic::now();
  Reply reply = co_await connection_.exchange(batch);
  if (!reply.ok()) co_return reply;
  begun_ = false;
  shared_.counters.count_commit(Monotonic::now() - start);
  // A transaction that had failed answers COMMIT with ROLLBACK.
  if (std::string_view{PQcmdStatus(reply.results.back().get())} != "COMMIT") {
    co_return Reply{.failure = Failure::unavailable, .message = "a transaction was not committed"};
  }
  reply.results.pop_back();
  co_return reply;
}

Task<Reply> Transaction::only(Batch batch) {
  stage_ = Stage::committing;
  const auto start = Monotonic::now();
  Reply reply = co_await connection_.exchange(batch);
  if (reply.ok()) shared_.counters.count_commit(Monotonic::now() - start);
  co_return reply;
}

WallSeconds Transaction::now(const ResultHandle& clock) const {
  if (shared_.options.clock) return shared_.options.clock();
  return Row{clock.get(), 0}.take<WallSeconds>();
}

}  // namespace sluice::auction::postgresql
