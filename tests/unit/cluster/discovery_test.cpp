#include "cluster/discovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/etcd_directory.hpp"

namespace sluice::cluster {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(DiscoveryBook, SaysTroubleOnceAndThatItIsOver) {
  DiscoveryBook book("dns");
  EXPECT_EQ(book.looked({Looked::ok, ""}), "");
  book.found(3);
  EXPECT_EQ(book.looked({Looked::failed, "no answer"}),
            "cluster: discovery by dns: no answer; it goes on with the 3 addresses it knows");
  EXPECT_EQ(book.looked({Looked::failed, "no answer"}), "");
  EXPECT_EQ(book.looked({Looked::empty, "nobody"}), "");
  EXPECT_EQ(book.view().last, Looked::empty);
  EXPECT_EQ(book.view().trouble, "nobody");
  EXPECT_EQ(book.looked({Looked::ok, ""}), "cluster: discovery by dns works again");
  EXPECT_EQ(book.looked({Looked::ok, ""}), "");
  EXPECT_EQ(book.view().trouble, "");
  EXPECT_THAT(book.view().counts, ElementsAre(3, 1, 2, 0, 0));
}

TEST(DiscoveryBook, SaysARemarkOnceUntilItIsAnother) {
  DiscoveryBook book("etcd");
  EXPECT_EQ(book.remark({Looked::overrun, "too many"}), "cluster: discovery by etcd: too many");
  EXPECT_EQ(book.remark({Looked::malformed, "bad"}), "cluster: discovery by etcd: bad");
  EXPECT_EQ(book.remark({Looked::overrun, "too many"}), "");
  EXPECT_EQ(book.remark({Looked::malformed, "worse"}), "cluster: discovery by etcd: worse");
  book.no_remark(Looked::overrun);
  EXPECT_NE(book.remark({Looked::overrun, "too many"}), "");
  EXPECT_EQ(book.view().trouble, "") << "the look as a whole worked";
  EXPECT_THAT(book.view().counts, ElementsAre(0, 0, 0, 2, 3));
}

}  // namespace

namespace etcd {
namespace {

Watched put(const std::string& key, const std::string& value) { return {.changes = {{false, {key, value}}}}; }
Watched gone(const std::string& key) { return {.changes = {{true, {key, ""}}}}; }

TEST(EtcdDirectory, HasTheOthersAndKnowsItself) {
  Directory directory("/m/", "a", 10);
  EXPECT_EQ(directory.own_key(), "/m/a");
  directory.take(Listing{.revision = 1, .entries = {{"/m/b", "b:1"}, {"/m/a", "a:1"}, {"/m/c", "[::1]:1"}}});
  EXPECT_THAT(directory.addresses(), ElementsAre("b:1", "[::1]:1"));
  EXPECT_TRUE(directory.has_own());
  directory.take(put("/m/b", "b:2"));
  directory.take(put("/m/d", "d:1"));
  directory.take(gone("/m/c"));
  directory.take(gone("/m/nobody"));
  EXPECT_THAT(directory.addresses(), ElementsAre("b:2", "d:1"));
  directory.take(gone("/m/a"));
  EXPECT_FALSE(directory.has_own());
  directory.take(put("/m/a", "a:1"));
  EXPECT_TRUE(directory.has_own());
  directory.take(Listing{.revision = 2});
  EXPECT_THAT(directory.addresses(), IsEmpty());
  EXPECT_FALSE(directory.has_own());
}

TEST(EtcdDirectory, LeavesOutWhatIsNoMember) {
  const std::pair<Entry, std::string> bad[] = {
      {{"/m/b", ""}, "the value of /m/b is not host:port"},
      {{"/m/b", "nonsense"}, "the value of /m/b is not host:port"},
      {{"/m/b", std::string(5000, 'b') + ":1"}, "the value of /m/b is not host:port"},
      {{"/m/", "b:1"}, "a key under /m/ is not a member's name"},
      {{"/m/b\n", "b:1"}, "a key under /m/ is not a member's name"},
      {{"/m/" + std::string(256, 'b'), "b:1"}, "a key under /m/ is not a member's name"},
      {{"/n/b", "b:1"}, "a key outside of /m/"},
  };
  for (const auto& [entry, complaint] : bad) {
    Directory directory("/m/", "a", 10);
    directory.take(Listing{.revision = 1, .entries = {entry, {"/m/c", "c:1"}}});
    EXPECT_THAT(directory.addresses(), ElementsAre("c:1"));
    EXPECT_EQ(directory.complaint(), complaint);
    directory.take(put("/m/d", "d:1"));
    EXPECT_EQ(directory.complaint(), "");
  }
  Directory directory("/m/", "a", 10);
  directory.take(put("/m/b", "b:1"));
  directory.take(put("/m/b", "nonsense"));
  EXPECT_THAT(directory.addresses(), IsEmpty());
}

TEST(EtcdDirectory, IsBounded) {
  Directory directory("/m/", "a", 2);
  directory.take(Listing{.revision = 1, .entries = {{"/m/b", "b:1"}, {"/m/c", "c:1"}}});
  EXPECT_FALSE(directory.incomplete());
  directory.take(put("/m/d", "d:1"));
  EXPECT_TRUE(directory.incomplete());
  directory.take(put("/m/c", "c:2"));
  EXPECT_THAT(directory.addresses(), ElementsAre("b:1", "c:2"));
  directory.take(Listing{.revision = 2, .entries = {{"/m/b", "b:1"}}});
  EXPECT_FALSE(directory.incomplete());
  directory.take(Listing{.revision = 2, .more = true});
  EXPECT_TRUE(directory.incomplete());
}

}  // namespace
}  // namespace etcd
}  // namespace sluice::cluster
