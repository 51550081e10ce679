#include "server/access_log.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <gtest/gtest.h>
#include <boost/json.hpp>

namespace sluice::server {
namespace {

boost::json::object line_of(const AccessEntry& entry) {
  std::string out;
  append_access_line(out, entry);
  EXPECT_EQ(out.back(), '\n');
  return boost::json::parse(out).as_object();
}

TEST(AccessLine, IsOneJsonObjectWithEveryField) {
  const auto line = line_of({.time = std::chrono::system_clock::time_point{std::chrono::milliseconds{1'500}},
                             .id = "0123456789abcdef",
                             .client = "::1",
                             .method = "GET",
                             .target = "/item?itemId=5",
                             .interaction = "ViewItem",
                             .tls_version = "TLSv1.3",
                             .resumed = true,
                             .status = 200,
                             .body_bytes = 6000,
                             .duration = std::chrono::microseconds{42},
                             .request_number = 3,
                             .processor = 1});
  EXPECT_EQ(line.at("time"), "1970-01-01T00:00:01.500000Z");
  EXPECT_EQ(line.at("request_id"), "0123456789abcdef");
  EXPECT_EQ(line.at("client"), "::1");
  EXPECT_EQ(line.at("method"), "GET");
  EXPECT_EQ(line.at("target"), "/item?itemId=5");
  EXPECT_EQ(line.at("status"), 200);
  EXPECT_EQ(line.at("body_bytes"), 6000);
  EXPECT_EQ(line.at("interaction"), "ViewItem");
  EXPECT_EQ(line.at("tls_version"), "TLSv1.3");
  EXPECT_EQ(line.at("resumed"), true);
  EXPECT_EQ(line.at("duration_us"), 42);
  EXPECT_EQ(line.at("request_number"), 3);
  EXPECT_EQ(line.at("processor"), 1);
}

struct TargetCase {
  const char* name;
  std::string target, logged;
};
class LoggedTarget : public testing::TestWithParam<TargetCase> {};
TEST_P(LoggedTarget, HidesPasswordsAndStaysJson) {
  EXPECT_EQ(line_of({.target = GetParam().target}).at("target").as_string(), GetParam().logged);
}
INSTANTIATE_TEST_SUITE_P(
    AccessLine, LoggedTarget,
    testing::Values(
        TargetCase{"First", "/x?password=secret", "/x?password=***"},
        TargetCase{"Middle", "/x?nickname=u&password=secret&itemId=1", "/x?nickname=u&password=***&itemId=1"},
        TargetCase{"Twice", "/x?password=a&password=b", "/x?password=***&password=***"},
        TargetCase{"OtherName", "/x?oldpassword=a", "/x?oldpassword=a"},
        TargetCase{"OtherNameThenSecret", "/x?oldpassword=a&password=b", "/x?oldpassword=a&password=***"},
        TargetCase{"Empty", "/x?password=", "/x?password=***"}, TargetCase{"Quotes", "/x?\"\\", "/x?\"\\"},
        TargetCase{"NotUtf8", "/\xff\x01", "/\u00ff\u0001"}),
    [](const auto& test) { return std::string(test.param.name); });

std::string content(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(AccessLog, WritesInOrderAndEverythingBeforeItEnds) {
  const std::string file = testing::TempDir() + "access-" + std::to_string(::getpid()) + ".log";
  {
    AccessLog log(file);
    EXPECT_TRUE(log.push("one\n"));
    EXPECT_TRUE(log.push("two\n"));
  }
  EXPECT_EQ(content(file), "one\ntwo\n");
  std::filesystem::remove(file);
}

TEST(AccessLog, OpensANewFileAfterARotation) {
  const std::string file = testing::TempDir() + "rotated-" + std::to_string(::getpid()) + ".log";
  {
    AccessLog log(file);
    std::filesystem::rename(file, file + ".1");
    log.reopen();
    EXPECT_TRUE(log.push("fresh\n"));
  }
  EXPECT_EQ(content(file), "fresh\n");
  EXPECT_EQ(content(file + ".1"), "");
  std::filesystem::remove(file);
  std::filesystem::remove(file + ".1");
}

TEST(AccessLog, DropsAChunkThatDoesNotFitTheQueue) {
  AccessLog log("/dev/null");
  EXPECT_FALSE(log.push(std::string(AccessLog::kQueueMax + 1, 'x')));
  EXPECT_TRUE(log.push("fits\n"));
}

TEST(AccessLog, SaysWhichFileItCanNotOpen) {
  try {
    AccessLog log("/nonexistent/access.log");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(),
                 "can't open the access log /nonexistent/access.log: No such file or directory");
  }
}

}  // namespace
}  // namespace sluice::server
