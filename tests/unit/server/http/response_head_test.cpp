#include "server/http/response_head.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const HeadContext kContext{.date = "Sun, 06 Nov 1994 08:49:37 GMT", .request_id = "r1"};

std::string head_of(const Response& response, const HeadContext& context = kContext) {
  std::string out;
  append_head(out, response, context);
  return out;
}

Response with_body(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

TEST(ResponseHead, IsCompleteForAPage) {
  EXPECT_EQ(
      head_of(with_body("hello")),
      "HTTP/1.1 200 OK\r\n"
      "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      "Connection: keep-alive\r\n"
      "Keep-Alive: timeout=10\r\n"
      "Content-Type: text/html; charset=utf-8\r\n"
      "Content-Length: 5\r\n"
      "X-Content-Type-Options: nosniff\r\n"
      "Referrer-Policy: same-origin\r\n"
      "Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
      "base-uri 'none'; frame-ancestors 'none'\r\n"
      "Cross-Origin-Opener-Policy: same-origin\r\n"
      "Permissions-Policy: camera=(), geolocation=(), microphone=()\r\n"
      "Strict-Transport-Security: max-age=31536000\r\n"
      "X-Request-Id: r1\r\n"
      "\r\n");
}

TEST(ResponseHead, IsAppended) {
  std::string out = "before";
  append_head(out, with_body(""), kContext);
  EXPECT_THAT(out, StartsWith("beforeHTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(out, HasSubstr("Content-Length: 0\r\n"));
}

TEST(ResponseHead, AnnouncesTheEndOfTheConnection) {
  HeadContext context = kContext;
  context.keep_alive = false;
  const std::string by_server = head_of(with_body(""), context);
  EXPECT_THAT(by_server, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(by_server, Not(HasSubstr("eep-")));
  Response response;
  response.close = true;
  EXPECT_THAT(head_of(response), HasSubstr("Connection: close\r\n"));
}

TEST(ResponseHead, HasNoLengthWhereThereCanBeNoBody) {
  for (const unsigned status : {204u, 304u}) {
    Response response;
    response.status = status;
    EXPECT_THAT(head_of(response), Not(HasSubstr("Content-Length")));
    EXPECT_THAT(head_of(response), Not(HasSubstr("Content-Type:")));
  }
}

TEST(ResponseHead, LeavesFieldsToTheResponseThatSetsThem) {
  Response response;
  response.content_type = "";
  response.set("content-security-policy", "default-src 'self'");
  response.set("Strict-Transport-Security", "max-age=1");
  const std::string head = head_of(response);
  EXPECT_THAT(head, HasSubstr("content-security-policy: default-src 'self'\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("default-src 'none'")));
  EXPECT_THAT(head, HasSubstr("max-age=1\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("31536000")));
  EXPECT_THAT(head, Not(HasSubstr("Content-Type:")));
}

TEST(ResponseHead, CanDoWithoutHstsAndRequestId) {
  HeadContext context = kContext;
  context.hsts_max_age = {};
  context.request_id = {};
  const std::string head = head_of(with_body(""), context);
  EXPECT_THAT(head, Not(HasSubstr("Strict-Transport")));
  EXPECT_THAT(head, Not(HasSubstr("X-Request-Id")));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST(ResponseHead, KeepsTheBlankOfAnUnknownReason) {
  Response response;
  response.status = 299;
  EXPECT_THAT(head_of(response), StartsWith("HTTP/1.1 299 \r\n"));
}

/// Response splitting: a bug of the application, which must not become a hole.
TEST(ResponseHeadDeathTest, RefusesLineEndsInValues) {
  for (const char* value : {"a\r\nSet-Cookie: b", "a\nb", "a\rb"}) {
    Response response;
    response.set("Location", value);
#ifdef NDEBUG
    EXPECT_THAT(head_of(response), Not(HasSubstr("Location")));
#else
    EXPECT_DEATH(head_of(response), "safe");
#endif
  }
}

}  // namespace
}  // namespace sluice::http
