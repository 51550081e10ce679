#include "admission/gate.hpp"

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

using namespace std::chrono_literals;

struct Newcomer final : Waiter {};

TEST(Gate, LetsEverybodyInWithoutAPolicy) {
  Gate gate;
  Newcomer newcomer;
  EXPECT_EQ(gate.ask(newcomer, 1, 1e9, Gate::Instant{}), Verdict::admit);
}

}  // namespace
}  // namespace sluice::admission
