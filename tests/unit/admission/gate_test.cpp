#include "admission/gate.hpp"

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

TEST(Gate, AdmitsEverybodyAndCountsEachClaim) {
  Gate gate;
  EXPECT_EQ(gate.decide(Claim::fresh), Decision::admit);
  EXPECT_EQ(gate.decide(Claim::resuming), Decision::admit);
  EXPECT_EQ(gate.decide(Claim::resuming), Decision::admit);
  EXPECT_EQ(gate.admitted(Claim::fresh), 1u);
  EXPECT_EQ(gate.admitted(Claim::resuming), 2u);
}

}  // namespace
}  // namespace sluice::admission
