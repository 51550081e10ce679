#include "cluster/etcd_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// The texts are those of etcd 3.4.23.
namespace sluice::cluster::etcd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const std::string kHeader =
    R"("header":{"cluster_id":"14443903163313418560","revision":"3","raft_term":"2"})";

TEST(EtcdJson, Asks) {
  EXPECT_EQ(lease_grant(10s), R"({"TTL":"10"})");
  EXPECT_EQ(lease(9007199254740993), R"({"ID":"9007199254740993"})");
  EXPECT_EQ(put("foo", "bar", 7), R"({"key":"Zm9v","value":"YmFy","lease":"7"})");
  EXPECT_EQ(put("fo", "", 7), R"({"key":"Zm8=","value":"","lease":"7"})");
  EXPECT_EQ(range("foo", 5), R"({"key":"Zm9v","range_end":"Zm9w","limit":"5"})");
  EXPECT_EQ(range("a\xff", 5), R"({"key":"Yf8=","range_end":"Yg==","limit":"5"})");
  EXPECT_EQ(range("\xff", 5), R"({"key":"/w==","range_end":"AA==","limit":"5"})");
  EXPECT_EQ(watch("foo", 4), R"({"create_request":{"key":"Zm9v","range_end":"Zm9w","start_revision":"4"}})");
}

TEST(EtcdJson, ReadsALease) {
  EXPECT_EQ(*read_grant("{" + kHeader + R"(,"ID":"2228897159828756485","TTL":"10"})"), 2228897159828756485);
  EXPECT_EQ(*read_grant(R"({"ID":7})"), 7);
  for (const char* text :
       {R"({})", R"({"ID":"0"})", R"({"ID":""})", R"({"ID":"7x"})", R"({"ID":"9223372036854775808"})",
        R"({"ID":7.5})", R"({"ID":null})", R"({"ID":["7"]})"})
    EXPECT_EQ(read_grant(text).error().result, Looked::malformed) << text;
}

TEST(EtcdJson, ReadsWhatALeaseHasLeft) {
  EXPECT_EQ(*read_keepalive("{\"result\":{" + kHeader + R"(,"ID":"7","TTL":"10"}})"), 10s);
  EXPECT_EQ(*read_keepalive("{\"result\":{" + kHeader + ",\"ID\":\"7\"}}\n"), 0s) << "there is none";
  EXPECT_EQ(read_keepalive(R"({"result":{"TTL":"-1"}})").error().result, Looked::malformed);
  EXPECT_EQ(read_keepalive(R"({"TTL":"10"})").error().result, Looked::malformed);
}

TEST(EtcdJson, ReadsAList) {
  const auto list = read_range(
      "{" + kHeader +
      R"(,"kvs":[{"key":"Zm9v","create_revision":"2","value":"YmFy","lease":"22"},{"key":"Zm8="}],"more":true,"count":"9"})");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->revision, 3);
  EXPECT_TRUE(list->more);
  EXPECT_THAT(list->entries, ElementsAre(Entry{"foo", "bar"}, Entry{"fo", ""}));
  const auto empty = read_range("{" + kHeader + "}");
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->entries.empty());
  EXPECT_FALSE(empty->more);
}

TEST(EtcdJson, AListWithAnythingWrongIsNone) {
  for (const char* kvs :
       {"{}", "\"\"", "[1]", "[null]", "[{}]", R"([{"key":""}])", R"([{"key":7}])", R"([{"key":"Zm9"}])",
        R"([{"key":"Zm 9"}])", R"([{"key":"=Zm9"}])", R"([{"key":"Z==="}])", R"([{"key":"===="}])",
        R"([{"key":"Zm=v"}])", R"([{"key":"Zm9\n"}])", R"([{"key":"Zm_v"}])", R"([{"key":"Zm9v","value":7}])",
        R"([{"key":"Zm9v"},{"key":"!"}])"})
    EXPECT_EQ(read_range("{" + kHeader + ",\"kvs\":" + kvs + "}").error().result, Looked::malformed) << kvs;
  for (const char* text : {"", "{", "[]", "7", "null", "{}", R"({"header":7})", R"({"header":{}})",
                           R"({"header":{"revision":"-3"}})", "\xff", "{\"header\":{\"revision\":\"3\"}} {}"})
    EXPECT_EQ(read_range(text).error().result, Looked::malformed) << text;
  EXPECT_EQ(read_range(std::string(1'000'000, '[')).error().result, Looked::malformed) << "deep";
  std::string deep = "{" + kHeader + ",\"x\":";
  for (int i = 0; i < 100; ++i) deep += "{\"x\":";
  EXPECT_FALSE(read_range(deep + "1" + std::string(101, '}')));
}

TEST(EtcdJson, ReadsChanges) {
  const auto created = read_watch("{\"result\":{" + kHeader + R"(,"created":true}})");
  ASSERT_TRUE(created);
  EXPECT_FALSE(created->canceled);
  EXPECT_TRUE(created->changes.empty());
  const auto changes = read_watch(
      "{\"result\":{" + kHeader +
      R"(,"events":[{"kv":{"key":"Zm9v","value":"YmFy"}},{"type":"DELETE","kv":{"key":"Zm9v","mod_revision":"3"}},)" +
      R"({"type":"PUT","kv":{"key":"Zm8=","value":"YmFy"}}]}})");
  ASSERT_TRUE(changes);
  EXPECT_THAT(changes->changes, ElementsAre(Change{false, {"foo", "bar"}}, Change{true, {"foo", ""}},
                                            Change{false, {"fo", "bar"}}));
  const auto compacted =
      read_watch(R"({"result":{"header":{"raft_term":"2"},"canceled":true,"compact_revision":"3"}})");
  ASSERT_TRUE(compacted);
  EXPECT_TRUE(compacted->canceled);
  for (const char* events :
       {"7", "[7]", "[{}]", R"([{"kv":7}])", R"([{"kv":{}}])", R"([{"type":"MOVE","kv":{"key":"Zm9v"}}])",
        R"([{"type":7,"kv":{"key":"Zm9v"}}])"})
    EXPECT_FALSE(read_watch(std::string("{\"result\":{\"events\":") + events + "}}")) << events;
}

TEST(EtcdJson, ReadsRefusals) {
  const auto refused =
      read_done(R"({"error":"etcdserver: requested lease not found","message":"the same","code":5})");
  EXPECT_EQ(refused.error().result, Looked::failed);
  EXPECT_EQ(refused.error().what, "etcd says: etcdserver: requested lease not found");
  EXPECT_EQ(read_watch(R"({"error":{"grpc_code":14,"message":"etcdserver: no leader"}})").error().what,
            "etcd says: etcdserver: no leader");
  EXPECT_EQ(read_done(R"({"error":7})").error().what, "etcd says: an error");
  EXPECT_EQ(read_done("{\"error\":\"\\u001b[2J\xc3\xa4\"}").error().what, "etcd says: ?[2J??");
  EXPECT_LT(read_done("{\"error\":\"" + std::string(100'000, 'x') + "\"}").error().what.size(), 300U);
  EXPECT_TRUE(*read_done("{" + kHeader + "}"));
}

TEST(EtcdJson, AnEndpointIsAUrlWithoutMore) {
  const auto plain = parse_endpoint("http://etcd-0.example.org:2379");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(plain->host, "etcd-0.example.org");
  EXPECT_EQ(plain->port, 2379);
  const auto secure = parse_endpoint("https://[::1]:2379");
  ASSERT_TRUE(secure);
  EXPECT_TRUE(secure->tls);
  EXPECT_EQ(secure->host, "::1");
  for (const char* url :
       {"", "a:1", "ftp://a:1", "http://a", "http://a:1/", "http://u@a:1", "https://", "http://:1"})
    EXPECT_EQ(parse_endpoint(url).error().result, Looked::malformed) << url;
}

TEST(EtcdJson, AStreamIsCutIntoLines) {
  Lines lines(5);
  std::string line;
  EXPECT_TRUE(lines.add("ab"));
  EXPECT_FALSE(lines.next(line));
  EXPECT_EQ(lines.rest(), "ab");
  EXPECT_TRUE(lines.add("c\n\nd\nefghi"));
  EXPECT_TRUE(lines.next(line));
  EXPECT_EQ(line, "abc");
  EXPECT_TRUE(lines.next(line));
  EXPECT_EQ(line, "d");
  EXPECT_FALSE(lines.next(line));
  EXPECT_FALSE(lines.add("j"));
}

}  // namespace
}  // namespace sluice::cluster::etcd
