#include "apps/auction/store/sqlite/health.hpp"

#include <utility>

namespace sluice::auction::sqlite {

void Health::close(std::string reason) {
  const std::scoped_lock lock(mutex_);
  if (reason_.empty()) reason_ = std::move(reason);
  open_.store(false, std::memory_order_release);
}

StoreError Health::judge(const error_code& error, const char* doing) {
  if (verdict_on(error) == Verdict::broken) {
    close(std::string{"the database is closed after an error while "} + doing + ": " + error.message());
  }
  return store_error(error);
}

std::string Health::problem() const {
  const std::scoped_lock lock(mutex_);
  if (!reason_.empty()) return reason_;
  return disk_full_.load(std::memory_order_relaxed) ? "the database can't write: no space left" : "";
}

}  // namespace sluice::auction::sqlite
