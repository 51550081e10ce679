#include "cluster/members.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace sluice::cluster {
namespace {

using namespace std::chrono_literals;
using Heard = Members::Heard;

const Monotonic::time_point kNow{1000s};

Hello hello_of(const std::string& name, std::uint64_t incarnation = 100) {
  return {.name = name, .address = name + ":7946", .incarnation = incarnation};
}

std::string text_of(const std::vector<Members::Change>& changes) {
  std::string text;
  for (const auto& change : changes) {
    text += (text.empty() ? "" : ", ") + change.name + " ";
    text += change.joined ? "joined" : kLivenessNames[static_cast<std::size_t>(change.after)];
  }
  return text;
}

TEST(Members, SeeWhoComesFallsSilentAndComesBack) {
  Members members{hello_of("a")};
  EXPECT_EQ(members.hello(hello_of("b"), kNow), Heard::welcome);
  EXPECT_EQ(text_of(members.tick(kNow)), "b joined");
  EXPECT_EQ(text_of(members.tick(kNow + 1s)), "");
  EXPECT_EQ(text_of(members.tick(kNow + 1001ms)), "b suspect");
  EXPECT_EQ(text_of(members.tick(kNow + 3s)), "");
  EXPECT_EQ(text_of(members.tick(kNow + 3001ms)), "b dead");
  EXPECT_TRUE(members.digest(hello_of("b"), {}, kNow + 4s));
  EXPECT_EQ(text_of(members.tick(kNow + 4s)), "b alive");
  members.goodbye(hello_of("b"));
  EXPECT_EQ(text_of(members.tick(kNow + 4s)), "b dead");
  EXPECT_EQ(members.others().size(), 1U);
  members.tick(kNow + 4s + Members::kForgetAfter + 1s);
  EXPECT_TRUE(members.others().empty());
}

TEST(Members, AreFoundByNameInWhateverOrderTheyCame) {
  Members members{hello_of("m500")};
  for (int i = 0; i < 100; ++i) members.hello(hello_of("m" + std::to_string(i * 37 % 100)), kNow);
  EXPECT_EQ(members.others().size(), 100U);
  for (int i = 0; i < 100; ++i) {
    const std::string name = "m" + std::to_string(i);
    ASSERT_NE(members.find(name), nullptr) << name;
    EXPECT_EQ(members.find(name)->name, name);
    EXPECT_TRUE(members.digest(hello_of(name), {}, kNow));
  }
  EXPECT_EQ(members.find("m"), nullptr);
  EXPECT_EQ(members.find("m100"), nullptr);
  EXPECT_EQ(members.find("n"), nullptr);
}

TEST(Members, ADigestKeepsAlive) {
  Members members{hello_of("a")};
  members.hello(hello_of("b"), kNow);
  members.tick(kNow);
  for (auto now = kNow; now < kNow + 10s; now += Members::kHeartbeat) {
    EXPECT_TRUE(members.digest(hello_of("b"), {.live_sessions = 5}, now));
    EXPECT_EQ(text_of(members.tick(now)), "");
  }
  EXPECT_EQ(members.find("b")->digest.live_sessions, 5U);
}

TEST(Members, ALaterProcessTakesThePlaceOfAnEarlierOne) {
  Members members{hello_of("a")};
  members.hello(hello_of("b", 100), kNow);
  members.tick(kNow);
  EXPECT_EQ(members.hello(hello_of("b", 200), kNow), Heard::welcome);
  EXPECT_EQ(text_of(members.tick(kNow)), "b joined");
  EXPECT_EQ(members.hello(hello_of("b", 100), kNow), Heard::older);
  EXPECT_FALSE(members.digest(hello_of("b", 100), {}, kNow)) << "its old process has nothing to say";
  members.goodbye(hello_of("b", 100));
  EXPECT_EQ(members.find("b")->liveness, Liveness::alive);
  members.tick(kNow + 4s);
  EXPECT_EQ(members.hello(hello_of("b", 50), kNow + 4s), Heard::welcome) << "its clock was set back";
}

TEST(Members, KnowThemselvesAndImpostors) {
  Members members{hello_of("a", 100)};
  EXPECT_EQ(members.hello(hello_of("a", 100), kNow), Heard::myself);
  EXPECT_EQ(members.hello(hello_of("a", 200), kNow), Heard::impostor);
  EXPECT_TRUE(members.others().empty());
  EXPECT_FALSE(members.digest(hello_of("b"), {}, kNow)) << "who never said hello";
}

TEST(Members, AreBounded) {
  Members members{hello_of("a")};
  for (std::size_t i = 0; i < Members::kMembersMax; ++i)
    ASSERT_EQ(members.hello(hello_of("m" + std::to_string(i)), kNow), Heard::welcome);
  EXPECT_EQ(members.hello(hello_of("one more"), kNow), Heard::full);
  EXPECT_EQ(members.hello(hello_of("m7"), kNow), Heard::welcome) << "who is known is not one more";
}

TEST(Members, TheEldestLeads) {
  Members members{hello_of("b", 100)};
  EXPECT_TRUE(members.leads());
  members.hello(hello_of("c", 200), kNow);
  EXPECT_TRUE(members.leads());
  members.hello(hello_of("z", 50), kNow);
  EXPECT_FALSE(members.leads());
  members.tick(kNow + 2s);
  EXPECT_FALSE(members.leads()) << "who is suspect still counts";
  members.tick(kNow + 4s);
  EXPECT_TRUE(members.leads());
  members.hello(hello_of("a", 100), kNow + 4s);
  EXPECT_FALSE(members.leads()) << "as old, and the name comes before";
}

/// Whoever sees the same members comes to the same heir, and exactly one leads.
TEST(Members, AgreeOnHeirsAndLeader) {
  std::vector<Members> views;
  const std::vector<std::string> names{"a", "b", "c", "d", "e"};
  for (const auto& self : names) {
    Members members{hello_of(self)};
    for (const auto& other : names) {
      if (other == self) continue;
      members.hello(hello_of(other), kNow);
      members.digest(hello_of(other), {}, kNow);
    }
    views.push_back(members);
  }
  int leaders = 0;
  for (const auto& view : views) leaders += view.leads() ? 1 : 0;
  EXPECT_EQ(leaders, 1);
  std::mt19937_64 random(7);
  std::map<tls::MemberNumber, int> shares;
  const auto leaver = tls::number_of_member("c");
  for (int i = 0; i < 4000; ++i) {
    tls::SessionIdBytes id{};
    for (auto& byte : id) byte = static_cast<std::uint8_t>(random());
    const auto heir = views[2].heir(id);
    ASSERT_TRUE(heir);
    ++shares[*heir];
    for (const auto& view : views) {
      auto heirs = view.heirs(id, names.size());
      ASSERT_EQ(heirs.size(), names.size() - 1);
      std::erase(heirs, leaver);
      const bool has_it = tls::number_of_member(view.self().name) == *heir;
      EXPECT_EQ(heirs.front() == *heir, !has_it) << view.self().name;
    }
  }
  ASSERT_EQ(shares.size(), 4U);
  for (const auto& [member, share] : shares) EXPECT_NEAR(share, 1000, 150);
}

TEST(Members, WhoLeavesInheritsNothingButIsAskedForWhatItHas) {
  Members members{hello_of("a")};
  EXPECT_FALSE(members.heir({}));
  EXPECT_TRUE(members.heirs({}, 3).empty());
  members.hello(hello_of("b"), kNow);
  members.digest(hello_of("b"), {.state = MemberState::draining}, kNow);
  EXPECT_FALSE(members.heir({}));
  EXPECT_EQ(members.heirs({}, 3), std::vector{tls::number_of_member("b")});
  members.goodbye(hello_of("b"));
  EXPECT_TRUE(members.heirs({}, 3).empty());
}

}  // namespace
}  // namespace sluice::cluster
