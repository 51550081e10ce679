#include <gtest/gtest.h>

#include "loadgen/io/user.hpp"

namespace sluice::loadgen {
namespace {

struct JarCase {
  const char* name;
  const char* jar;
  const char* fresh;
  const char* expected;
};
class Jar : public testing::TestWithParam<JarCase> {};

TEST_P(Jar, TakesWhatTheServerSets) {
  std::string jar = GetParam().jar;
  merge_cookies(jar, GetParam().fresh);
  EXPECT_EQ(jar, GetParam().expected);
}
INSTANTIATE_TEST_SUITE_P(Cookies, Jar,
                         testing::Values(JarCase{"FirstOne", "", "a=1", "a=1"},
                                         JarCase{"SecondOne", "a=1", "b=2", "a=1; b=2"},
                                         JarCase{"NewerReplacesOlder", "a=1; b=2", "a=3", "b=2; a=3"},
                                         JarCase{"EmptyValueDeletes", "a=1; b=2", "b=", "a=1"},
                                         JarCase{"DeletingTheOnlyOne", "a=1", "a=", ""},
                                         JarCase{"PrefixOfANameIsAnotherName", "ab=1", "a=2", "ab=1; a=2"},
                                         JarCase{"SeveralAtOnce", "", "a=1; b=2; a=3", "b=2; a=3"},
                                         JarCase{"WithoutNameIsNothing", "a=1", "=2", "a=1"},
                                         JarCase{"Nothing", "a=1", "", "a=1"}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Cookies, AreBounded) {
  std::string jar;
  for (int i = 0; i < 1000; ++i) merge_cookies(jar, "name" + std::to_string(i) + "=0123456789");
  EXPECT_LE(jar.size(), 4096U);
  EXPECT_GT(jar.size(), 3000U);
}

}  // namespace
}  // namespace sluice::loadgen
