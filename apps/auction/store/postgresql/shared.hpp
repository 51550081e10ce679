#pragma once
#include <memory>

#include "apps/auction/store/postgresql/connect.hpp"
#include "apps/auction/store/postgresql/health.hpp"
#include "apps/auction/store/postgresql/store.hpp"

namespace sluice::auction::postgresql {

/// What the processors and the keeper have in common. Constant but for health and counters; any thread.
struct Shared {
  /// Throws std::runtime_error when a URL can't be read.
  explicit Shared(Options given);

  const Options options;
  const std::shared_ptr<SessionCount> sessions = std::make_shared<SessionCount>(0);
  const SessionOptions reading, lists,
      writing;  ///< Of sessions; `lists` goes to the replica, if there is one.
  Health health;
  Counters counters;
};

}  // namespace sluice::auction::postgresql
