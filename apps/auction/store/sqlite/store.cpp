#include "apps/auction/store/sqlite/store.hpp"

#include <sstream>
#include <utility>

#include "apps/auction/store/sqlite/folder.hpp"
#include "apps/auction/store/sqlite/health.hpp"
#include "apps/auction/store/sqlite/repository.hpp"
#include "apps/auction/store/sqlite/writer.hpp"

namespace sluice::auction::sqlite {

namespace {

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(Options options)
      : options_(std::move(options)), writer_(options_, health_, changes_) {}

  std::unique_ptr<Repository> repository(Executor executor) override {
    return make_repository(options_, std::move(executor), health_, writer_, changes_);
  }
  std::string not_ready() const override { return health_.problem(); }
  void alone(bool yes) override { writer_.alone(yes); }
  std::string metrics() const override;
  void stop() override { writer_.stop(); }

 private:
  const Options options_;
  Health health_;
  Changes changes_;
  Writer writer_;
};

std::string SqliteStore::metrics() const {
  std::ostringstream out;
  out << writer_.metrics()
      << "# HELP sluice_store_reads_given_up_total Reads that exceeded their work budget.\n"
         "# TYPE sluice_store_reads_given_up_total counter\n"
         "sluice_store_reads_given_up_total "
      << health_.reads_given_up() << '\n';
  return out.str();
}

}  // namespace

std::unique_ptr<Store> open_store(Options options) {
  const auto file = options.file;
  const bool existed = std::filesystem::exists(file);
  auto store = std::make_unique<SqliteStore>(std::move(options));
  if (!existed) sync_folder_of(file);
  return store;
}

}  // namespace sluice::auction::sqlite
