#include "admission/replay_filter.hpp"

#include <array>

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

using namespace std::chrono_literals;

using Random = std::array<std::uint8_t, ReplayFilter::kRandomSize>;

Random random_of(std::uint32_t number) {
  Random bytes{};
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return bytes;
}

class Replay : public testing::Test {
 protected:
  Replay() { EXPECT_FALSE(seen(1'000'000)); }  // the first generation begins
  bool seen(std::uint32_t number) { return filter.seen(random_of(number), now); }

  ReplayFilter::Instant now{1h};
  ReplayFilter filter{0, 100, 30s};
};

TEST_F(Replay, IsSeenTheSecondTime) {
  EXPECT_FALSE(seen(1));
  EXPECT_FALSE(seen(2));
  EXPECT_TRUE(seen(1));
  EXPECT_TRUE(seen(1));
}

TEST_F(Replay, IsRememberedForALifetime) {
  EXPECT_FALSE(seen(1));
  now += 31s;
  EXPECT_FALSE(seen(2));  // a new generation
  now += 29s;
  EXPECT_TRUE(seen(1));
}

TEST_F(Replay, IsForgottenAfterTwoGenerations) {
  EXPECT_FALSE(seen(1));
  now += 31s;
  EXPECT_FALSE(seen(2));
  now += 31s;
  EXPECT_FALSE(seen(3));
  EXPECT_FALSE(seen(1));
  EXPECT_TRUE(seen(2));
}

TEST_F(Replay, ThatGoesOnIsNotForgotten) {
  EXPECT_FALSE(seen(1));
  for (int i = 0; i < 20; ++i) {
    now += 20s;
    EXPECT_TRUE(seen(1)) << i;
  }
}

TEST_F(Replay, GenerationsAreBoundedInSize) {
  EXPECT_FALSE(seen(1));
  for (std::uint32_t i = 2; i < 100; ++i) EXPECT_FALSE(seen(i));
  EXPECT_FALSE(seen(100));  // the first generation has its hundred
  EXPECT_TRUE(seen(1));
  // 1 was remembered anew: 2 in the second generation; 98 more fill it.
  for (std::uint32_t i = 101; i <= 198; ++i) EXPECT_FALSE(seen(i));
  EXPECT_FALSE(seen(199));
  EXPECT_FALSE(seen(2)) << "older than two generations";
  EXPECT_TRUE(seen(101));
}

TEST_F(Replay, ASaltDoesNotChangeWhatIsSeen) {
  ReplayFilter salted(0x5eed);
  EXPECT_FALSE(salted.seen(random_of(1), now));
  EXPECT_TRUE(salted.seen(random_of(1), now));
  EXPECT_FALSE(salted.seen(random_of(2), now));
}

TEST_F(Replay, TakesBytesOfAnyLength) {
  const std::array<std::uint8_t, 3> few{1, 2, 3};
  EXPECT_FALSE(filter.seen(few, now));
  EXPECT_TRUE(filter.seen(few, now));
  EXPECT_FALSE(filter.seen({}, now));
}

}  // namespace
}  // namespace sluice::admission
