#include "admission/returners.hpp"

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

using namespace std::chrono_literals;

constexpr Returners::Instant kNow{1h};

TEST(Returners, AreExpectedInTheirTime) {
  Returners returners;
  EXPECT_FALSE(returners.expected(7, kNow));
  EXPECT_FALSE(returners.expected(0, kNow)) << "an empty slot is nobody's";
  returners.expect(7, kNow + 5s, kNow + 10s);
  EXPECT_FALSE(returners.expected(7, kNow));
  EXPECT_FALSE(returners.expected(7, kNow + 4999ms));
  EXPECT_TRUE(returners.expected(7, kNow + 5s));
  EXPECT_TRUE(returners.expected(7, kNow + 9999ms));
  EXPECT_FALSE(returners.expected(7, kNow + 10s));
  EXPECT_FALSE(returners.expected(8, kNow + 7s));
}

TEST(Returners, MostOfAThousandAreRemembered) {
  Returners returners;
  for (std::uint64_t address = 1; address <= 1000; ++address) returners.expect(address << 8, kNow, kNow + 1s);
  int remembered = 0;
  for (std::uint64_t address = 1; address <= 1000; ++address)
    remembered += returners.expected(address << 8, kNow) ? 1 : 0;
  EXPECT_GE(remembered, 850);
}

}  // namespace
}  // namespace sluice::admission
