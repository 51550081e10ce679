#include "loadgen/io/http_response.hpp"

#include <gtest/gtest.h>

namespace sluice::loadgen {
namespace {

using State = HttpResponse::State;

struct WholeCase {
  const char* name;
  const char* text;
  unsigned status;
  const char* body;
  bool reusable;
};
class Whole : public testing::TestWithParam<WholeCase> {
 protected:
  void expect_read(const HttpResponse& response, HttpResponse& mutable_response) {
    const auto& wanted = GetParam();
    EXPECT_EQ(response.status(), wanted.status);
    EXPECT_EQ(mutable_response.body(), wanted.body);
    EXPECT_EQ(response.body_bytes(), std::string_view(wanted.body).size());
    EXPECT_EQ(response.bytes(), std::string_view(wanted.text).size());
    EXPECT_EQ(response.reusable(), wanted.reusable);
  }
};

TEST_P(Whole, InOnePiece) {
  HttpResponse response(true);
  ASSERT_EQ(response.put(GetParam().text), State::done);
  expect_read(response, response);
}

TEST_P(Whole, ByteByByte) {
  HttpResponse response(true);
  const std::string_view text = GetParam().text;
  for (std::size_t i = 0; i + 1 < text.size(); ++i)
    ASSERT_EQ(response.put(text.substr(i, 1)), State::more) << i;
  ASSERT_EQ(response.put(text.substr(text.size() - 1)), State::done);
  expect_read(response, response);
}

INSTANTIATE_TEST_SUITE_P(
    Response, Whole,
    testing::Values(
        WholeCase{"WithLength", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true},
        WholeCase{"Empty", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "", true},
        WholeCase{"Closing", "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", 503,
                  "no", false},
        WholeCase{"OldVersion", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false},
        WholeCase{"Chunked",
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
                  200, "abcde", true},
        WholeCase{"Trailers",
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", 200,
                  "a", true},
        WholeCase{"NotModified", "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n", 304, "", true}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Response, WithoutLengthEndsWithTheConnection) {
  HttpResponse response(true);
  EXPECT_EQ(response.put("HTTP/1.1 200 OK\r\n\r\nall"), State::more);
  EXPECT_EQ(response.end(), State::done);
  EXPECT_EQ(response.body(), "all");
  EXPECT_FALSE(response.reusable());
}

TEST(Response, CutInTheBodyIsBroken) {
  HttpResponse response(true);
  EXPECT_EQ(response.put("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"), State::more);
  EXPECT_EQ(response.end(), State::broken);
}

TEST(Response, CutInTheHeadIsBroken) {
  HttpResponse response(true);
  EXPECT_EQ(response.put("HTTP/1.1 200 OK\r\nContent-"), State::more);
  EXPECT_EQ(response.end(), State::broken);
}

TEST(Response, SomethingElseIsBroken) {
  HttpResponse response(true);
  EXPECT_EQ(response.put("SSH-2.0-OpenSSH\r\n\r\n"), State::broken);
}

TEST(Response, EndlessHeadIsBroken) {
  HttpResponse response(true);
  std::string head = "HTTP/1.1 200 OK\r\n";
  while (head.size() < 70'000) head += "X-Filler: 0123456789012345678901234567890123456789\r\n";
  EXPECT_EQ(response.put(head + "\r\n"), State::broken);
}

TEST(Response, KeepsWhatASessionNeeds) {
  HttpResponse response(false);
  ASSERT_EQ(
      response.put("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nRefresh: 3; url=/\r\nLocation: /there\r\n"
                   "Set-Cookie: a=1; Path=/; Secure\r\nset-cookie: b=2\r\nContent-Length: 4\r\n\r\nbusy"),
      State::done);
  EXPECT_EQ(response.retry_after(), std::chrono::seconds{7});
  EXPECT_EQ(response.refresh(), std::chrono::seconds{3});
  EXPECT_EQ(response.location(), "/there");
  EXPECT_EQ(response.cookies(), "a=1; b=2");
  EXPECT_EQ(response.body(), "");  // asked only to count it
  EXPECT_EQ(response.body_bytes(), 4U);
}

TEST(Response, CookieThatEndsNowHasNoValue) {
  HttpResponse response(false);
  ASSERT_EQ(
      response.put("HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/; max-age=0\r\nContent-Length: 0\r\n\r\n"),
      State::done);
  EXPECT_EQ(response.cookies(), "a=");
}

TEST(Response, DateInRetryAfterCountsAsAbsent) {
  HttpResponse response(false);
  ASSERT_EQ(
      response.put(
          "HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n"),
      State::done);
  EXPECT_EQ(response.retry_after(), std::nullopt);
}

}  // namespace
}  // namespace sluice::loadgen
