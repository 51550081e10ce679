#include "server/http/message.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

Request request_with(std::vector<Request::Field> fields) {
  Request request;
  request.fields = std::move(fields);
  return request;
}

TEST(Request, FindsFieldsWithoutCase) {
  const Request request = request_with({{"X-A", "1"}, {"x-a", "2"}, {"X-AB", "3"}});
  EXPECT_EQ(request.field("x-A"), "1");
  EXPECT_EQ(request.field("x-ab"), "3");
  EXPECT_EQ(request.field("x"), "");
}

TEST(Request, FindsCookies) {
  const Request request = request_with({{"Cookie", "a=1; ab=2;c=3 ; d=\"4=4\"; e"}, {"COOKIE", "f=6; a=7"}});
  EXPECT_EQ(request.cookie("a"), "1");
  EXPECT_EQ(request.cookie("ab"), "2");
  EXPECT_EQ(request.cookie("c"), "3");
  EXPECT_EQ(request.cookie("d"), "\"4=4\"");
  EXPECT_EQ(request.cookie("f"), "6");
  EXPECT_EQ(request.cookie("e"), "");
  EXPECT_EQ(request.cookie("A"), "");
  EXPECT_EQ(request.cookie("b"), "");
}

class File : public testing::Test {
 protected:
  /// A descriptor of an unlinked file with this content.
  static int make(std::string_view content) {
    char name[] = "/tmp/sluice-message-test-XXXXXX";
    const int fd = ::mkstemp(name);
    ::unlink(name);
    EXPECT_EQ(::write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    return fd;
  }
};

TEST_F(File, IsReadInParts) {
  const FileBody body{make("0123456789"), 2, 5};
  std::string out = ">";
  EXPECT_TRUE(body.read(0, 3, out));
  EXPECT_EQ(out, ">234");
  EXPECT_TRUE(body.read(3, 100, out));
  EXPECT_EQ(out, ">23456");
  EXPECT_TRUE(body.read(5, 100, out));
  EXPECT_EQ(out, ">23456");
}

TEST_F(File, ThatShrankIsAnError) {
  const int fd = make("0123456789");
  const FileBody body{fd, 0, 10};
  ASSERT_EQ(::ftruncate(fd, 4), 0);
  std::string out = ">";
  EXPECT_FALSE(body.read(0, 10, out));
  EXPECT_EQ(out, ">");
  EXPECT_TRUE(body.read(0, 4, out));
}

TEST_F(File, IsClosedOnceByItsLastOwner) {
  const int fd = make("a");
  {
    FileBody first{fd, 0, 1};
    FileBody second{std::move(first)};
    FileBody third{make("b"), 0, 1};
    third = std::move(second);
    EXPECT_NE(::fcntl(fd, F_GETFD), -1);
  }
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST_F(File, KnowsItsSizeAsABody) {
  Response response;
  response.body = FileBody{make("0123456789"), 2, 5};
  EXPECT_EQ(response.body_size(), 5u);
  response.body = std::string_view{"abc"};
  EXPECT_EQ(response.body_size(), 3u);
  response.body = std::string{"ab"};
  EXPECT_EQ(response.body_size(), 2u);
}

TEST(Responses, SayWhatTheyAreFor) {
  EXPECT_EQ(plain(404, "No.").status, 404u);
  EXPECT_EQ(std::get<std::string>(plain(404, "No.").body), "No.\n");
  const Response moved = see_other("/a");
  EXPECT_EQ(moved.status, 303u);
  EXPECT_EQ(moved.fields.at(0).name, "Location");
  EXPECT_EQ(moved.fields.at(0).value, "/a");
  const Response refused = method_not_allowed("GET, HEAD");
  EXPECT_EQ(refused.status, 405u);
  EXPECT_EQ(refused.fields.at(0).name, "Allow");
}

TEST(ReasonPhrase, IsThereForEveryStatusWeSend) {
  for (const unsigned status : {100u, 200u, 204u, 206u, 303u, 304u, 400u, 404u, 405u, 408u, 411u,
                                412u, 413u, 414u, 416u, 417u, 431u, 500u, 501u, 503u, 505u}) {
    EXPECT_NE(reason_phrase(status), "") << status;
  }
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(299), "");
}

}  // namespace
}  // namespace sluice::http
