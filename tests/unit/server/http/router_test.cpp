#include "server/http/router.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

class Routing : public testing::Test {
 protected:
  const Router router{
      {"/", Methods::get, 1},
      {"/item", Methods::get, 2},
      {"/item", Methods::post | Methods::delete_, 3},
      {"/echo", Methods::post, 4},
  };

  /// "route 1", or the status and `Allow` of the response.
  std::string match(Verb method, std::string_view path) const {
    Request request;
    request.method = method;
    request.path = path;
    const auto result = router.match(request);
    if (const auto* id = std::get_if<RouteId>(&result)) return "route " + std::to_string(*id);
    const Response& response = std::get<Response>(result);
    std::string text = std::to_string(response.status);
    for (const auto& field : response.fields)
      text.append(" ").append(field.name).append(": ").append(field.value);
    return text;
  }
};

TEST_F(Routing, FindsTheRouteOfPathAndMethod) {
  EXPECT_EQ(match(Verb::get, "/"), "route 1");
  EXPECT_EQ(match(Verb::get, "/item"), "route 2");
  EXPECT_EQ(match(Verb::post, "/item"), "route 3");
  EXPECT_EQ(match(Verb::delete_, "/item"), "route 3");
}

TEST_F(Routing, AnswersHeadLikeGet) { EXPECT_EQ(match(Verb::head, "/item"), "route 2"); }

TEST_F(Routing, KnowsOnlyExactPaths) {
  for (const char* path : {"", "/item/", "/items", "/ITEM", "//", "/ite"}) {
    EXPECT_EQ(match(Verb::get, path), "404") << path;
    EXPECT_FALSE(router.knows(path)) << path;
  }
  EXPECT_TRUE(router.knows("/item"));
}

TEST_F(Routing, NamesTheAllowedMethods) {
  EXPECT_EQ(match(Verb::post, "/"), "405 Allow: GET, HEAD, OPTIONS");
  EXPECT_EQ(match(Verb::put, "/item"), "405 Allow: GET, HEAD, POST, DELETE, OPTIONS");
  EXPECT_EQ(match(Verb::head, "/echo"), "405 Allow: POST, OPTIONS");
  EXPECT_EQ(match(Verb::propfind, "/echo"), "405 Allow: POST, OPTIONS");
}

TEST_F(Routing, AnswersOptions) {
  EXPECT_EQ(match(Verb::options, "/item"), "204 Allow: GET, HEAD, POST, DELETE, OPTIONS");
  EXPECT_EQ(match(Verb::options, "/nothing"), "404");
}

TEST(Router, RefusesAnAmbiguousOrRelativeTable) {
  EXPECT_THROW((Router{{"/a", Methods::get, 1}, {"/a", Methods::get_post, 2}}), std::invalid_argument);
  EXPECT_THROW((Router{{"a", Methods::get, 1}}), std::invalid_argument);
}

}  // namespace
}  // namespace sluice::http
