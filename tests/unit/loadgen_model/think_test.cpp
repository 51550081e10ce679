#include "loadgen/model/think.hpp"

#include <gtest/gtest.h>

#include "loadgen/error.hpp"
#include "loadgen/model/script.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;

TEST(Think, IsExponentialWithACut) {
  const auto think = Think::parse("exp:7s");
  EXPECT_EQ(think.text(), "exp:7s,max=70s");
  EXPECT_FALSE(think.zero());
  Random random{1};
  constexpr int kDraws = 200'000;
  double sum = 0;
  int above = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto time = think.draw(3s, random);
    ASSERT_GE(time, 0s);
    ASSERT_LE(time, 70s);
    sum += std::chrono::duration<double>(time).count();
    above += time > 7s;
  }
  EXPECT_NEAR(sum / kDraws, 7, 0.08);
  EXPECT_NEAR(static_cast<double>(above) / kDraws, 0.3679, 0.005);
}

TEST(Think, CanBeCutEarlier) {
  const auto think = Think::parse("exp:7s,max=500ms");
  EXPECT_EQ(think.text(), "exp:7s,max=0.5s");
  Random random{1};
  bool cut = false;
  for (int i = 0; i < 100; ++i) {
    const auto time = think.draw(0s, random);
    ASSERT_LE(time, 500ms);
    cut = cut || time == 500ms;
  }
  EXPECT_TRUE(cut);
}

TEST(Think, IsConstantOrFromTheTable) {
  Random random{1};
  EXPECT_EQ(Think::parse("const:1500ms").draw(3s, random), 1500ms);
  EXPECT_EQ(Think::parse("table").draw(3s, random), 3s);
  EXPECT_EQ(Think::parse("table:0.1").draw(3s, random), 300ms);
  EXPECT_EQ(Think::parse("0").draw(3s, random), 0s);
  EXPECT_TRUE(Think::parse("0").zero());
  EXPECT_TRUE(Think::parse("const:0").zero());
  EXPECT_FALSE(Think::parse("table").zero());
}

TEST(Think, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "7s",
                           "exp",
                           "exp:",
                           "exp:0s",
                           "exp:7s,max=",
                           "exp:7s,max=0",
                           "exp:7s,min=1s",
                           "exp:-7s",
                           "const:",
                           "const:x",
                           "const:25h",
                           "exp:25h",
                           "table:",
                           "table:1s",
                           "table:-1",
                           "table:1001",
                           "tables",
                           "1",
                           "0 "})
    EXPECT_THROW(Think::parse(text), UsageError) << text;
}

TEST(SessionLength, OfTheModelIsAThousand) {
  Random random{1};
  EXPECT_EQ(SessionLength::parse("model").draw(random), 1000u);
  EXPECT_TRUE(SessionLength::parse("model").of_model());
  EXPECT_EQ(SessionLength::parse("15").draw(random), 15u);
  EXPECT_FALSE(SessionLength::parse("15").of_model());
  EXPECT_EQ(SessionLength::parse("15").text(), "15");
}

// Mean 15, variance 15 * 14.
TEST(SessionLength, CanBeGeometric) {
  const auto length = SessionLength::parse("geom:15");
  Random random{1};
  constexpr int kDraws = 200'000;
  double sum = 0, squares = 0, ones = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = length.draw(random);
    ASSERT_GE(value, 1);
    sum += value;
    squares += value * value;
    ones += value == 1;
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(mean, 15, 0.2);
  EXPECT_NEAR(squares / kDraws - mean * mean, 210, 8);
  EXPECT_NEAR(ones / kDraws, 1.0 / 15, 0.003);
  EXPECT_EQ(SessionLength::parse("geom:1").draw(random), 1u);
}

TEST(SessionLength, RefusesWhatIsNoNumberOfRequests) {
  for (const char* text :
       {"", "0", "-1", "1.5", "models", "geom:", "geom:0.5", "geom:x", "1000001", "15 ", "inf"})
    EXPECT_THROW(SessionLength::parse(text), UsageError) << text;
}

}  // namespace
}  // namespace sluice::loadgen
