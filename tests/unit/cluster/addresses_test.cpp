#include "cluster/addresses.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/backoff.hpp"

namespace sluice::cluster {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Addresses, AreHostAndPort) {
  const std::pair<std::string, HostPort> good[] = {
      {"a:1", {"a", 1}},
      {"member-1.example.org:65535", {"member-1.example.org", 65535}},
      {"example.org.:80", {"example.org.", 80}},
      {"10.0.0.1:7946", {"10.0.0.1", 7946}},
      {"[2001:db8::1]:7946", {"2001:db8::1", 7946}},
      {"[::ffff:10.0.0.1]:1", {"::ffff:10.0.0.1", 1}},
  };
  for (const auto& [text, address] : good) {
    EXPECT_EQ(split_address(text), address) << text;
    EXPECT_EQ(text_of(address), text);
  }
  const std::string bad[] = {"",
                             ":",
                             "a",
                             "a:",
                             ":1",
                             "a:0",
                             "a:65536",
                             "a:-1",
                             "a:1 ",
                             "a:http",
                             " a:1",
                             "a b:1",
                             "a..b:1",
                             ".a:1",
                             "2001:db8::1:7946",
                             "[]:1",
                             "[a]:1",
                             "[2001:db8::1:1",
                             "[::1%lo]:1",
                             "http://a:1",
                             "a/b:1",
                             std::string("a\0b:1", 5),
                             std::string(64, 'a') + ":1",
                             std::string(300, 'a') + ":1"};
  for (const std::string& text : bad) EXPECT_FALSE(split_address(text)) << text;
}

TEST(Addresses, ADnsQuestionIsANameWithPortOrAService) {
  const auto name = parse_dns_question("members.example.org:7946");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->name, "members.example.org");
  EXPECT_EQ(name->port, 7946);
  EXPECT_FALSE(name->service());
  const auto service = parse_dns_question("_sluice._tcp.members.default.svc.cluster.local.");
  ASSERT_TRUE(service);
  EXPECT_EQ(service->name, "_sluice._tcp.members.default.svc.cluster.local.");
  EXPECT_TRUE(service->service());
  for (const char* text : {"", "a", "a:", "a:0", "[::1]:1", "_sluice", "_sluice._tcp", "_sluice._tcp.",
                           "_sluice._tcp..a", "_sluice.tcp.a", "_sluice._tcp.a:1", "_:1"})
    EXPECT_FALSE(parse_dns_question(text)) << text;
}

TEST(Addresses, AreTakenOnceAndOnlySoMany) {
  const Bounded all = bounded({"c:1", "a:1", "c:1", "b:1"}, 3);
  EXPECT_THAT(all.addresses, ElementsAre("a:1", "b:1", "c:1"));
  EXPECT_EQ(all.left_out, 0U);
  const Bounded some = bounded({"c:1", "a:1", "c:1", "b:1"}, 2);
  EXPECT_THAT(some.addresses, ElementsAre("a:1", "b:1"));
  EXPECT_EQ(some.left_out, 1U);
  EXPECT_THAT(bounded({}, 0).addresses, IsEmpty());
}

TEST(Addresses, Change) {
  const struct {
    std::set<std::string> before, after;
    std::vector<std::string> added, gone;
  } cases[] = {
      {{}, {}, {}, {}},
      {{}, {"a"}, {"a"}, {}},
      {{"a"}, {}, {}, {"a"}},
      {{"a", "b"}, {"a", "b"}, {}, {}},
      {{"a", "b"}, {"b", "c", "d"}, {"c", "d"}, {"a"}},
  };
  for (const auto& one : cases) {
    const Difference change = difference(one.before, one.after);
    EXPECT_EQ(change.added, one.added);
    EXPECT_EQ(change.gone, one.gone);
  }
}

TEST(BackoffTest, DoublesUpToItsMost) {
  Backoff backoff(100ms, 1000ms);
  for (int round = 0; round < 2; ++round) {
    for (const auto wait : {100, 200, 400, 800, 1000, 1000}) {
      const auto next = backoff.next().count();
      EXPECT_GE(next, wait / 2);
      EXPECT_LE(next, wait * 3 / 2);
    }
    backoff.reset();
  }
}

}  // namespace
}  // namespace sluice::cluster
