#include "server/http/strict.hpp"

#include <gtest/gtest.h>

namespace sluice::http::strict {
namespace {

TEST(Host, AcceptsNamesAddressesAndPorts) {
  for (const char* host :
       {"a", "shop.example", "a-b_c~d", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::ffff:1.2.3.4]:65535",
        "[2001:db8::1]:", "a:", "a:0", "xn--mnchen-3ya.de", "a%20b", "a!$&'()*+,;=b"}) {
    EXPECT_TRUE(is_valid_host(host)) << host;
  }
}

TEST(Host, RefusesEverythingElse) {
  for (const char* host : {"",         ":80",     "a b",
                           "u@a",      "a:b:c",   "a:-1",
                           "a:+1",     "a:65536", "a:000080",
                           "[::1",     "::1",     "[]",
                           "[a]",      "[::1]80", "[::1%eth0]",
                           "[v1.a]",   "\"a\"",   "a/b",
                           "a?b",      "a#b",     "a\\b",
                           "<a>",      "a%2",     "a%zz",
                           "\xc3\xa4", "a\tb",    "[:::::::::::::::::::::::::::::::::::::::::::::::]"}) {
    EXPECT_FALSE(is_valid_host(host)) << host;
  }
  EXPECT_TRUE(is_valid_host(std::string(255, 'a')));
  EXPECT_FALSE(is_valid_host(std::string(256, 'a')));
}

TEST(ContentLength, TellsTooLargeFromMalformed) {
  const auto status = [](std::string_view value) {
    const auto length = parse_content_length(value, 100);
    return length ? 0u : length.error().status;
  };
  EXPECT_EQ(status("0"), 0u);
  EXPECT_EQ(status("100"), 0u);
  EXPECT_EQ(status("000000001"), 0u);
  EXPECT_EQ(status("0000000001"), 400u);
  EXPECT_EQ(status("101"), 413u);
  EXPECT_EQ(status(std::string(100, '9')), 413u);
  for (const char* value : {"", " 1", "1 ", "+1", "-1", "1,1", "0x1", "1e3", "\xd9\xa1"})
    EXPECT_EQ(status(value), 400u) << value;
  EXPECT_EQ(*parse_content_length("42", 100), 42u);
}

TEST(Target, GivesViewsOfTheTargetWhereItCan) {
  const std::string sent = "/a?b";
  TargetStorage storage;
  const auto target = parse_target(sent, Verb::get, storage);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path.data(), sent.data());
  EXPECT_EQ(target->query.data(), sent.data() + 3);
  EXPECT_EQ(target->origin, sent);
}

TEST(Target, ForgetsWhatTheStorageHeldBefore) {
  TargetStorage storage;
  ASSERT_TRUE(parse_target("http://a?long-query", Verb::get, storage));
  ASSERT_TRUE(parse_target("/%61bcdef", Verb::get, storage));
  const auto target = parse_target("http://b?%62", Verb::get, storage);
  EXPECT_EQ(target->origin, "/?%62");
  EXPECT_EQ(parse_target("/%62", Verb::get, storage)->path, "/b");
}

TEST(Connection, CollectsOptionsOfSeveralFields) {
  Facts facts;
  note_connection("te ,, Keep-Alive", facts);
  EXPECT_TRUE(facts.keep_alive);
  EXPECT_FALSE(facts.close);
  note_connection("close", facts);
  EXPECT_TRUE(facts.close);
}

TEST(RequestLine, NamesTheLimitItExceeds) {
  Limits limits;
  limits.uri_bytes = 3;
  const auto refusal = check_request_line("GET /abc HTTP/1.1", limits);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->limit, "uri_bytes");
  EXPECT_FALSE(check_request_line("GET /ab HTTP/1.1", limits));
}

}  // namespace
}  // namespace sluice::http::strict
