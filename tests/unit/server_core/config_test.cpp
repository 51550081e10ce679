#include "server/config.hpp"

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

Config good() {
  Config config;
  config.certificate = {"cert.pem"};
  config.private_key = {"key.pem"};
  return config;
}

struct CheckCase {
  const char* name;
  void (*spoil)(Config&);
  const char* where;
};
class CheckConfig : public testing::TestWithParam<CheckCase> {};
TEST_P(CheckConfig, ReportsWhatDoesNotGoTogether) {
  Config config = good();
  GetParam().spoil(config);
  const auto problems = config.check();
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].where, GetParam().where);
}
INSTANTIATE_TEST_SUITE_P(
    Config, CheckConfig,
    testing::Values(CheckCase{"NoListener", [](Config& c) { c.listen.clear(); }, "server.listen"},
                    CheckCase{"KeyMissing", [](Config& c) { c.private_key.clear(); }, "tls.private_key"},
                    CheckCase{"UriLongerThanHead",
                              [](Config& c) { c.limits.uri_bytes = c.limits.head_bytes; },
                              "limits.uri_bytes"},
                    CheckCase{"PublicAdminWithoutToken", [](Config& c) { c.admin_listen = "0.0.0.0:9180"; },
                              "admin.token"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Config, DefaultsWithACertificateAreGood) { EXPECT_TRUE(good().check().empty()); }

TEST(Config, APublicAdminListenerWithTokenIsGood) {
  Config config = good();
  config.admin_listen = "0.0.0.0:9180";
  config.admin_token = "secret";
  EXPECT_TRUE(config.check().empty());
}

TEST(Config, EveryDefaultPassesItsOwnBounds) {
  Config config;
  Settings settings;
  config.declare(settings);
  std::vector<Problem> problems;
  for (const auto& line : settings.lines()) {
    std::string value = line.value;
    if (value.starts_with('[')) continue;  // a list has no bounds
    if (value.starts_with('"')) value = value.substr(1, value.size() - 2);
    settings.apply_flag(line.key + "=" + value, problems);
  }
  for (const auto& problem : problems) ADD_FAILURE() << problem.text();
}

}  // namespace
}  // namespace sluice::server
