#include "loadgen/io/resumption.hpp"

#include <ctime>

namespace sluice::loadgen {
namespace {

TlsSession share(SSL_SESSION* session) {
  if (session != nullptr) SSL_SESSION_up_ref(session);
  return TlsSession{session};
}

// OpenSSL marks a TLS 1.3 session that was used as one not to be offered again; a copy made before is not
// marked.
TlsSession copy_of(const TlsSession& session) { return TlsSession{SSL_SESSION_dup(session.get())}; }

// OpenSSL as a client does not offer what it knows to have expired.
TlsSession as_if_fresh(SSL_SESSION* session) {
  TlsSession copy{SSL_SESSION_dup(session)};
  if (!copy) return copy;
  SSL_SESSION_set_time(copy.get(), static_cast<long>(::time(nullptr)));
  SSL_SESSION_set_timeout(copy.get(), 7 * 24 * 3600);
  return copy;
}

}  // namespace

bool ResumptionPolicy::passes_on() const noexcept {
  using Kind = Resume::Kind;
  return resume_.kind == Kind::ratio || resume_.kind == Kind::shared || resume_.kind == Kind::stale;
}

TlsSession ResumptionPolicy::offer(SSL_SESSION* own, Monotonic::time_point now, Random& random) {
  using Kind = Resume::Kind;
  switch (resume_.kind) {
    case Kind::never: return nullptr;
    case Kind::per_user:
    case Kind::session_id: return share(own);
    case Kind::shared: return pool_.empty() ? nullptr : copy_of(pool_.back().session);
    case Kind::ratio: {
      if (random.unit() >= resume_.ratio) return nullptr;
      if (own != nullptr || pool_.empty()) return share(own);
      // In turn, so that a ticket is used again only after all others.
      pool_.push_back(std::move(pool_.front()));
      pool_.pop_front();
      return copy_of(pool_.back().session);
    }
    case Kind::stale: {
      const auto age = std::chrono::duration<double>(resume_.age_s);
      while (pool_.size() > 1 && now - pool_[1].issued >= age) pool_.pop_front();
      if (pool_.empty() || now - pool_.front().issued < age) return nullptr;
      return as_if_fresh(pool_.front().session.get());
    }
  }
  return nullptr;
}

void ResumptionPolicy::issued(TlsSession session, TlsSession& own, Monotonic::time_point now) {
  using Kind = Resume::Kind;
  switch (resume_.kind) {
    case Kind::never: return;
    case Kind::per_user:
    case Kind::session_id: own = std::move(session); return;
    case Kind::shared: pool_.clear(); break;
    case Kind::ratio: own = share(session.get()); break;
    case Kind::stale:
      // A pool that is full must still reach back by the whole age.
      if (!pool_.empty() &&
          now - pool_.back().issued < std::chrono::duration<double>(resume_.age_s / kPoolMax))
        return;
      break;
  }
  if (pool_.size() == kPoolMax) pool_.pop_front();
  pool_.push_back({std::move(session), now});
}

}  // namespace sluice::loadgen
