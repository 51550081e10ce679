#include "server/listener.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::server {
namespace {

struct EndpointCase {
  const char* text;
  const char* address;  // nullptr: refused
  unsigned short port;
};
class ParseEndpoint : public testing::TestWithParam<EndpointCase> {};
TEST_P(ParseEndpoint, TakesAddressesWithAPort) {
  const auto& param = GetParam();
  if (param.address == nullptr) {
    EXPECT_THROW(parse_endpoint(param.text), std::runtime_error);
    return;
  }
  const Endpoint endpoint = parse_endpoint(param.text);
  EXPECT_EQ(endpoint.address().to_string(), param.address);
  EXPECT_EQ(endpoint.port(), param.port);
}
INSTANTIATE_TEST_SUITE_P(
    Listener, ParseEndpoint,
    testing::Values(EndpointCase{"127.0.0.1:8443", "127.0.0.1", 8443}, EndpointCase{"[::1]:0", "::1", 0},
                    EndpointCase{"localhost:80", "127.0.0.1", 80}, EndpointCase{"8443", nullptr, 0},
                    EndpointCase{"127.0.0.1:", nullptr, 0}, EndpointCase{"127.0.0.1:65536", nullptr, 0},
                    EndpointCase{"127.0.0.1:8443x", nullptr, 0}, EndpointCase{"example.com:1", nullptr, 0}));

TEST(Listener, WhatItPrintsCanBeReadBack) {
  for (const char* text : {"127.0.0.1:8443", "[::1]:8443"})
    EXPECT_EQ(endpoint_text(parse_endpoint(text)), text);
}

TEST(Listener, AllSocketsOfAnAddressShareOnePort) {
  const auto listeners = listen_on(parse_endpoint("127.0.0.1:0"), 3, 16);
  ASSERT_EQ(listeners.size(), 3U);
  EXPECT_NE(listeners[0].endpoint().port(), 0);
  EXPECT_EQ(listeners[0].endpoint(), listeners[2].endpoint());
}

TEST(Listener, RefusesAPortOnWhichSomebodyElseListens) {
  const auto first = listen_on(parse_endpoint("127.0.0.1:0"), 1, 16);
  try {
    listen_on(first[0].endpoint(), 1, 16);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("Address already in use"));
  }
}

TEST(Backlog, IsWhatIsTurnedAwayInATenthOfASecond) {
  EXPECT_EQ(backlog_within_time(1, 1024), 1024);
  EXPECT_EQ(backlog_within_time(1, 65'535), 4000);
  EXPECT_EQ(backlog_within_time(0.1, 1024), 400);
  EXPECT_EQ(backlog_within_time(0.001, 1024), 128);
  EXPECT_EQ(backlog_within_time(0, 8), 8);
  EXPECT_EQ(backlog_within_time(1e9, 65'535), 65'535);
}

}  // namespace
}  // namespace sluice::server
