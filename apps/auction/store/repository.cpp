#include "apps/auction/store/repository.hpp"

#include "base/error.hpp"

namespace sluice::auction {

namespace {

class StoreCategory final : public ErrorCategory {
 public:
  const char* name() const noexcept override { return "sluice.auction.store"; }
  std::string message(int value) const override {
    switch (static_cast<StoreError>(value)) {
      case StoreError::unavailable: return "the database can't be used";
      case StoreError::overloaded: return "the database has more work than it can take";
      case StoreError::nickname_taken: return "this nickname is taken";
      case StoreError::invalid: return "the database does not accept such a value";
    }
    return "unknown store error";
  }
};

}  // namespace

const boost::system::error_category& store_category() noexcept {
  static const StoreCategory category;
  return category;
}

boost::system::error_code make_error_code(StoreError error) noexcept {
  return {static_cast<int>(error), store_category()};
}

}  // namespace sluice::auction
