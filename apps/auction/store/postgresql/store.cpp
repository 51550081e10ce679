#include "apps/auction/store/postgresql/store.hpp"

#include <utility>

#include "apps/auction/store/postgresql/keeper.hpp"
#include "apps/auction/store/postgresql/repository.hpp"
#include "apps/auction/store/postgresql/shared.hpp"

namespace sluice::auction::postgresql {

namespace {

class PostgresqlStore final : public Store {
 public:
  explicit PostgresqlStore(Options options)
      : shared_(std::make_shared<Shared>(std::move(options))), keeper_(shared_) {}

  std::unique_ptr<Repository> repository(Executor executor) override {
    return make_repository(executor, shared_);
  }
  std::string not_ready() const override { return shared_->health.problem(); }
  std::string metrics() const override {
    return shared_->counters.metrics(shared_->health.up(), shared_->sessions->load(std::memory_order_relaxed),
                                     shared_->options.queue_max);
  }
  void stop() override { keeper_.stop(); }

 private:
  const std::shared_ptr<Shared> shared_;
  Keeper keeper_;
};

}  // namespace

std::unique_ptr<Store> open_store(Options options) {
  return std::make_unique<PostgresqlStore>(std::move(options));
}

}  // namespace sluice::auction::postgresql
