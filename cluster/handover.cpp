#include "cluster/handover.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace sluice::cluster {

namespace {

/// Two owners of the same keys are worse than none.
void require(bool condition, const char* what) noexcept {
  if (condition) return;
  std::fprintf(stderr, "hand-over: %s\n", what);
  std::abort();
}

template <class Phase>
bool step(Phase& phase, Phase from, Phase to) noexcept {
  if (phase != from) return false;
  phase = to;
  return true;
}

}  // namespace

bool HandoverSource::prepared() noexcept { return step(phase_, Phase::asked, Phase::prepared); }

void HandoverSource::offer() {
  require(step(phase_, Phase::prepared, Phase::offered), "a state was sent to who is not prepared");
}

bool HandoverSource::ready() noexcept { return step(phase_, Phase::offered, Phase::ready); }

void HandoverSource::give() {
  require(step(phase_, Phase::ready, Phase::given), "a connection was given to who is not ready");
}

bool HandoverSource::keep() noexcept { return phase_ != Phase::ready && stay(); }

bool HandoverSource::stay() noexcept {
  if (phase_ == Phase::given) return false;
  phase_ = Phase::kept;
  return true;
}

bool HandoverTarget::state() noexcept { return step(phase_, Phase::prepared, Phase::restoring); }

bool HandoverTarget::restored() noexcept { return step(phase_, Phase::restoring, Phase::ready); }

bool HandoverTarget::commit() noexcept { return step(phase_, Phase::ready, Phase::owner); }

bool HandoverTarget::give_up() noexcept {
  if (phase_ == Phase::owner) return false;
  phase_ = Phase::gone;
  return true;
}

bool HandoverBook::begin(tls::MemberNumber source, std::uint64_t incarnation, HandoverId id) {
  Source& of = sources_[source];
  if (incarnation < of.incarnation) return false;
  if (incarnation > of.incarnation) of = {.incarnation = incarnation};
  if (id == 0 || (of.newest >= kWindow && id <= of.newest - kWindow)) return false;
  if (!of.begun.insert(id).second) return false;
  of.newest = std::max(of.newest, id);
  if (of.newest >= kWindow) of.begun.erase(of.begun.begin(), of.begun.upper_bound(of.newest - kWindow));
  return true;
}

}  // namespace sluice::cluster
