#pragma once
#include <memory>

#include "apps/auction/store/postgresql/shared.hpp"

namespace sluice::auction::postgresql {

/// One session of a processor that many reads use at a time, one behind the other. It connects when it is
/// needed; who comes meanwhile waits for the same attempt.
class Lane {
 public:
  /// A primary's lane asks nobody while the primary is away, and tells the keeper when it can't connect. A
  /// replica's lane waits a moment by itself.
  enum class Of : std::uint8_t { primary, replica };

  Lane(const Executor& executor, std::shared_ptr<Shared> shared, const SessionOptions& session, Of of);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Null when there is no session now.
  static Task<std::shared_ptr<Connection>> connection(std::shared_ptr<Lane> lane);
  /// For good: from now on there is none.
  void close() noexcept;

 private:
  bool may_connect() const noexcept;
  void connected(Opened opened);

  const Executor executor_;
  const std::shared_ptr<Shared> shared_;
  const SessionOptions& session_;  // of shared_
  const Of of_;
  std::shared_ptr<Connection> connection_;
  Timer attempt_ended_;  // never expires: who waits for an attempt is woken by cancelling
  bool connecting_ = false, closed_ = false;
  int failures_ = 0;                    // in a row
  Monotonic::time_point not_before_{};  // of the next attempt; of a replica's lane
};

}  // namespace sluice::auction::postgresql
