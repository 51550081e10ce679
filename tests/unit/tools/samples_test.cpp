#include "tools/samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::tools {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

admission::Sample second_of(double offered) {
  return {.elapsed_s = 1, .cpus = 2, .offered = offered, .live = 10};
}

TEST(Samples, AreDecidedOneAfterTheOther) {
  admission::Settings settings;
  const auto decisions = decide_all(settings, {second_of(5), second_of(7)});
  ASSERT_EQ(decisions.size(), 2U);
  EXPECT_DOUBLE_EQ(decisions[1].t, 2);
  admission::State state = decide(settings, {}, second_of(5)).next;
  EXPECT_DOUBLE_EQ(decisions[1].plan.cpus_required, decide(settings, state, second_of(7)).plan.cpus_required);
}

TEST(Samples, AreShownAsATableAndAsCsv) {
  admission::Settings settings;
  settings.policy = admission::Policy::paper;
  const auto decisions = decide_all(settings, {second_of(5)});
  EXPECT_THAT(table(decisions), HasSubstr("sessions_max"));
  EXPECT_THAT(table(decisions), HasSubstr(" -"));  // the paper knows no bound on sessions
  EXPECT_THAT(csv(decisions), StartsWith("time_s,cpus,offered,live,"));
  EXPECT_THAT(csv(decisions), HasSubstr("\n1,2,5,10,"));
  EXPECT_THAT(csv(decisions), HasSubstr(",inf,"));
}

}  // namespace
}  // namespace sluice::tools
