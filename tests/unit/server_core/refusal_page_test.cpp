#include "server/refusal_page.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>

namespace sluice::server {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

std::string body_of(const http::Response& response) { return std::get<std::string>(response.body); }

std::string field_of(const http::Response& response, std::string_view name) {
  const auto found = std::find_if(response.fields.begin(), response.fields.end(),
                                  [&](const auto& field) { return field.name == name; });
  return found == response.fields.end() ? "" : found->value;
}

TEST(BusyPage, SaysWhenToComeBackToPeopleAndPrograms) {
  const auto response = busy_page(Busy::full, 7s, true);
  EXPECT_EQ(response.status, 503U);
  EXPECT_TRUE(response.close);
  EXPECT_EQ(field_of(response, "Retry-After"), "7");
  EXPECT_EQ(field_of(response, "Cache-Control"), "no-store");
  EXPECT_THAT(body_of(response), HasSubstr("<meta http-equiv=\"refresh\" content=\"7\">"));
  EXPECT_THAT(body_of(response), HasSubstr("about 7 seconds"));
  EXPECT_THAT(body_of(busy_page(Busy::full, 1s, true)), HasSubstr("about 1 second."));
}

TEST(BusyPage, RepeatsNothingUnasked) {
  const auto response = busy_page(Busy::full, 7s, false);
  EXPECT_THAT(body_of(response), Not(HasSubstr("refresh")));
  EXPECT_THAT(body_of(response), HasSubstr("Nothing of what you sent was recorded"));
}

TEST(BusyPage, KeepsTheConnectionOfASession) {
  EXPECT_FALSE(busy_page(Busy::waiting, 2s, true).close);
  EXPECT_TRUE(busy_page(Busy::shed, 2s, true).close);
}

TEST(BusyPage, NeedsNothingElseAndIsSmall) {
  for (const Busy why : {Busy::full, Busy::shed, Busy::waiting}) {
    const std::string body = body_of(busy_page(why, 30s, true));
    EXPECT_LT(body.size(), 1'536U);
    EXPECT_THAT(body, Not(HasSubstr("src=")));
    EXPECT_THAT(body, Not(HasSubstr("http://")));
    EXPECT_THAT(body, HasSubstr("<html lang=\"en\">"));
    EXPECT_THAT(body, HasSubstr("<main>"));
    EXPECT_THAT(body, HasSubstr("<h1>"));
  }
}

}  // namespace
}  // namespace sluice::server
