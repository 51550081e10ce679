#pragma once
#include <deque>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "loadgen/io/tls.hpp"

/// Which TLS session a connection offers: `--resume`.
namespace sluice::loadgen {

/// The sessions that users of one thread share, and the rule by which they are offered. Secrets stay in
/// OpenSSL's objects.
class ResumptionPolicy {
 public:
  static constexpr std::size_t kPoolMax = 4096;

  explicit ResumptionPolicy(const Resume& resume) noexcept : resume_(resume) {}

  /// Sessions of one user are offered by others.
  bool passes_on() const noexcept;
  /// What a connection should offer; null for nothing. `own` is the user's last session, null for a newcomer.
  TlsSession offer(SSL_SESSION* own, Monotonic::time_point now, Random& random);
  /// The server issued a session to a user whose own one is `own`.
  void issued(TlsSession session, TlsSession& own, Monotonic::time_point now);

 private:
  struct Pooled {
    TlsSession session;
    Monotonic::time_point issued{};
  };

  const Resume& resume_;
  std::deque<Pooled> pool_;  // oldest first
};

}  // namespace sluice::loadgen
