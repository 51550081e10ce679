#include "loadgen/result.hpp"

namespace sluice::loadgen {

Tally Result::measured() const {
  Tally sum = window;
  sum.add(tail);
  return sum;
}

Tally Result::whole() const {
  Tally sum = measured();
  sum.add(warmup);
  return sum;
}

}  // namespace sluice::loadgen
