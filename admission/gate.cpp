#include "admission/gate.hpp"

namespace sluice::admission {

Decision Gate::decide(Claim claim) noexcept {
  ++admitted_[static_cast<std::size_t>(claim)];
  return Decision::admit;
}

}  // namespace sluice::admission
