#include "cluster/rebalance.hpp"

#include <deque>
#include <numeric>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice::cluster {
namespace {

using namespace std::chrono_literals;

/// Of one CPU.
Digest digest_of(double busy, std::uint32_t takes = 1000, MemberState state = MemberState::serving) {
  return {.state = state,
          .cpus_milli = 1000,
          .idle_milli = static_cast<std::uint32_t>(1000 * (1 - busy) + 0.5),
          .takes = takes};
}

Member member_of(tls::MemberNumber number, const Digest& digest, Liveness liveness = Liveness::alive) {
  return {.name = std::to_string(number), .number = number, .liveness = liveness, .digest = digest};
}

Movable some(std::uint32_t idle, double idle_cpus, std::uint32_t busy = 0, double busy_cpus = 0) {
  return {.idle = {.count = idle, .cpus = idle_cpus}, .busy = {.count = busy, .cpus = busy_cpus}};
}

/// Sure of it, and nothing went meanwhile.
std::vector<Move> settled(Rebalance& rebalance, const Digest& own, const std::vector<Member>& others,
                          const Movable& movable) {
  std::vector<Move> moves;
  for (unsigned i = 0; i < Rebalance::kSureBeats; ++i) moves = rebalance.update(own, others, movable);
  return moves;
}

std::uint32_t count_of(const std::vector<Move>& moves) {
  return std::accumulate(moves.begin(), moves.end(), 0U,
                         [](std::uint32_t sum, const Move& move) { return sum + move.count; });
}

TEST(Rebalance, GivesEachWhatItLacks) {
  Rebalance rebalance;
  // Even would be 0.5: 0.4 too much, and 0.3 and 0.1 too little. Half of it goes in a heartbeat: 0.2, of
  // 0.001 each.
  const std::vector<Member> others{member_of(1, digest_of(0.2)), member_of(2, digest_of(0.4))};
  EXPECT_TRUE(rebalance.update(digest_of(0.9), others, some(900, 0.9)).empty()) << "a moment is no load";
  const auto moves = rebalance.update(digest_of(0.9), others, some(900, 0.9));
  ASSERT_EQ(moves.size(), 2U);
  EXPECT_EQ(moves[0].to, 1U);
  EXPECT_NEAR(moves[0].count, 150, 1);
  EXPECT_NEAR(moves[1].count, 50, 1);
}

TEST(Rebalance, LargerMembersBearMore) {
  Rebalance rebalance;
  Digest large = digest_of(0);
  large.cpus_milli = large.idle_milli = 3000;  // even: a quarter of each
  EXPECT_NEAR(count_of(settled(rebalance, digest_of(1), {member_of(1, large)}, some(1000, 1))), 250, 1)
      << "375 would be half of it, but for the bound";
}

TEST(Rebalance, TwoWhoGiveTogetherGiveWhatIsLacking) {
  Rebalance rebalance;
  // Even is 0.5: both have 0.4 too much, the other lacks 0.8 of two CPUs.
  Digest idle = digest_of(0, 4000);
  idle.cpus_milli = 2000, idle.idle_milli = 1800;
  const auto moves =
      settled(rebalance, digest_of(0.9), {member_of(1, digest_of(0.9)), member_of(2, idle)}, some(900, 0.9));
  EXPECT_NEAR(count_of(moves), 200, 1);
  for (const Move& move : moves) EXPECT_EQ(move.to, 2U);
}

struct NothingCase {
  const char* name;
  Digest own;
  Member other;
  Movable movable = some(1000, 0.9);
};
class Nothing : public testing::TestWithParam<NothingCase> {};

TEST_P(Nothing, Moves) {
  Rebalance rebalance;
  EXPECT_TRUE(settled(rebalance, GetParam().own, {GetParam().other}, GetParam().movable).empty());
}

INSTANTIATE_TEST_SUITE_P(
    Rebalance, Nothing,
    testing::Values(
        NothingCase{"BetweenEquals", digest_of(0.9), member_of(1, digest_of(0.9))},
        NothingCase{"ForALittle", digest_of(0.9), member_of(1, digest_of(0.75))},
        NothingCase{"UpHill", digest_of(0.4), member_of(1, digest_of(0.9))},
        NothingCase{"WhileNobodyWaits", digest_of(0.28), member_of(1, digest_of(0))},
        NothingCase{"ToWhoTakesNone", digest_of(0.9), member_of(1, digest_of(0.1, 0))},
        NothingCase{"ToWhoLeaves", digest_of(0.9), member_of(1, digest_of(0.1, 1000, MemberState::draining))},
        NothingCase{"ToWhoIsSuspect", digest_of(0.9), member_of(1, digest_of(0.1), Liveness::suspect)},
        NothingCase{"FromWhoLeaves", digest_of(0.9, 0, MemberState::draining), member_of(1, digest_of(0.1))},
        NothingCase{"WithoutConnections", digest_of(0.9), member_of(1, digest_of(0.1)), some(0, 0)},
        NothingCase{"ThatUsesNothing", digest_of(0.9), member_of(1, digest_of(0.1)), some(10'000, 0.5)},
        NothingCase{"ThatIsTheLoadItself", digest_of(0.9), member_of(1, digest_of(0.1)), some(1, 0.8)}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Rebalance, IdleOnesGoFirst) {
  Rebalance rebalance;
  const std::vector<Member> others{member_of(1, digest_of(0.1))};  // 0.4 too much, so 0.2 goes
  const auto moves = settled(rebalance, digest_of(0.9), others, some(100, 0.1, 200, 0.8));
  ASSERT_EQ(moves.size(), 2U);
  EXPECT_EQ(moves[0].kind, ConnectionKind::idle);
  EXPECT_EQ(moves[0].count, 100U);
  EXPECT_EQ(moves[1].kind, ConnectionKind::busy);
  EXPECT_EQ(moves[1].count, 25U) << "0.1, of 0.004 each";
}

TEST(Rebalance, AFewLargeOnesMoveOneByOne) {
  Rebalance rebalance;
  const std::vector<Member> others{member_of(1, digest_of(0.1))};
  EXPECT_EQ(count_of(settled(rebalance, digest_of(0.9), others, some(0, 0, 3, 0.9))), 1U)
      << "0.3 of 0.4, though only 0.2 was to go";
}

struct RateCase {
  const char* name;
  std::uint32_t own, takes, other_takes;
  std::uint32_t moves;  ///< In a heartbeat.
};
class Rate : public testing::TestWithParam<RateCase> {};

TEST_P(Rate, IsKept) {
  const RateCase& row = GetParam();
  Rebalance rebalance{row.own};
  // The second one gives as well.
  const std::vector<Member> others{member_of(1, digest_of(0, row.takes)),
                                   member_of(2, digest_of(0.95, row.other_takes))};
  EXPECT_EQ(count_of(settled(rebalance, digest_of(0.95), others, some(9000, 0.95))), row.moves);
}

INSTANTIATE_TEST_SUITE_P(Rebalance, Rate,
                         testing::Values(RateCase{"OfTheGiver", 100, 4000, 0, 25},
                                         RateCase{"OfTheTakerSharedByTwo", 4000, 100, 0, 13},
                                         RateCase{"OfNone", 0, 4000, 0, 0}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Rebalance, WhatIsOnItsWayIsNotSentAgain) {
  Rebalance rebalance;
  const std::vector<Member> others{member_of(1, digest_of(0.1))};
  const Movable movable = some(800, 0.8);
  EXPECT_NEAR(count_of(settled(rebalance, digest_of(0.9), others, movable)), 200, 1);
  for (int i = 0; i < 200; ++i) rebalance.begins(1, ConnectionKind::idle);
  EXPECT_NEAR(count_of(rebalance.update(digest_of(0.9), others, movable)), 50, 51)
      << "the bound of the taker";
  for (int i = 0; i < 200; ++i) rebalance.ends(1, false);
  EXPECT_NEAR(count_of(rebalance.update(digest_of(0.9), others, movable)), 200, 1) << "they stayed";
  for (int i = 0; i < 200; ++i) rebalance.begins(1, ConnectionKind::idle);
  for (int i = 0; i < 200; ++i) rebalance.ends(1, true);
  EXPECT_LT(count_of(rebalance.update(digest_of(0.9), others, movable)), 120U) << "nobody saw it yet";
  for (int i = 0; i < 40; ++i) rebalance.update(digest_of(0.9), others, movable);
  EXPECT_NEAR(count_of(rebalance.update(digest_of(0.9), others, movable)), 200, 1) << "it did not help";
}

TEST(Rebalance, WhoFailedIsLeftOutUntilItSpeaks) {
  Rebalance rebalance;
  std::vector<Member> others{member_of(1, digest_of(0.1))};
  EXPECT_FALSE(settled(rebalance, digest_of(0.9), others, some(900, 0.9)).empty());
  rebalance.failed(1, others[0].heard);
  EXPECT_TRUE(rebalance.update(digest_of(0.9), others, some(900, 0.9)).empty());
  others[0].heard += Members::kHeartbeat;
  EXPECT_FALSE(settled(rebalance, digest_of(0.9), others, some(900, 0.9)).empty());
}

TEST(Rebalance, WhoLeavesGivesAllInTurn) {
  Rebalance rebalance;
  const std::vector<Member> others{member_of(1, digest_of(0.9, 100)), member_of(2, digest_of(0.5, 300)),
                                   member_of(3, digest_of(0.0, 0))};
  const auto moves = rebalance.evacuate(others, some(40, 0, 5, 0));
  ASSERT_EQ(moves.size(), 4U);
  EXPECT_NEAR(moves[0].count, 10, 1);
  EXPECT_NEAR(moves[1].count, 30, 1);
  EXPECT_EQ(moves[0].count + moves[1].count, 40U);
  EXPECT_EQ(moves[2].kind, ConnectionKind::busy);
  EXPECT_EQ(moves[2].count + moves[3].count, 5U);
  EXPECT_EQ(count_of(rebalance.evacuate(others, some(10'000, 0))), 100U) << "in a quarter of a second";
}

TEST(Rebalance, NothingIsTakenByWhoHasNoRoom) {
  const Rebalance rebalance;
  EXPECT_EQ(rebalance.taken(digest_of(0.5), 10'000), Rebalance::kPerSecond);
  EXPECT_EQ(rebalance.taken(digest_of(0.5), 30), 30U);
  EXPECT_EQ(rebalance.taken(digest_of(0.95), 10'000), 0U);
  EXPECT_EQ(rebalance.taken(digest_of(0.5, 0, MemberState::draining), 10'000), 0U);
  EXPECT_EQ(rebalance.taken(Digest{}, 10'000), 0U) << "no CPU";
}

// A cluster as a model. ---------------------------------------------------------------------------------

/// Members of one CPU; connections that use more or less of it, a few of them much; digests that are a
/// heartbeat old, smoothed as in production, of measurements that are wrong by 10 %.
class Shop {
 public:
  struct Connection {
    double cpus = 0;
    int since = 0;  ///< Heartbeat of its coming.
  };

  /// `underway`: heartbeats that a move takes.
  Shop(std::size_t members, int underway, unsigned seed) : underway_(underway), random_(seed) {
    for (std::size_t i = 0; i < members; ++i) members_.emplace_back(i);
  }

  /// Pareto, alpha 1.5: a tenth of them makes half of the load.
  void come(std::size_t member, std::size_t count, double cpus) {
    std::vector<Connection> some(count);
    for (auto& one : some)
      one = {.cpus = std::min(50.0, std::pow(uniform(), -1 / 1.5)), .since = beat_ - 100};
    const double sum = load(some);
    for (auto& one : some) one.cpus *= cpus / sum;
    auto& all = members_[member].connections;
    all.insert(all.end(), some.begin(), some.end());
  }

  /// So many of each thousand go anywhere.
  void go(int of_thousand) {
    for (auto& member : members_)
      std::erase_if(member.connections,
                    [&](const Connection&) { return random_() % 1000 < static_cast<unsigned>(of_thousand); });
  }

  void beat() {
    ++beat_;
    std::vector<Digest> before;
    for (auto& member : members_) before.push_back(member.digest);
    for (auto& member : members_) arrive(member);
    for (auto& member : members_) measure(member);
    for (std::size_t i = 0; i < members_.size(); ++i) decide(i, before);
  }

  /// From the even state, of the CPU that is wanted (not what is got).
  double furthest() const {
    double all = 0, furthest = 0;
    for (const One& member : members_) all += member.wanted();
    for (const One& member : members_)
      furthest = std::max(furthest, std::abs(member.wanted() - all / static_cast<double>(members_.size())));
    return furthest;
  }
  std::size_t moves() const { return moves_; }

 private:
  struct Leaving {
    Connection connection{};
    tls::MemberNumber to = 0;
    int there = 0;  ///< Heartbeat.
  };
  struct One {
    explicit One(std::size_t index) : rebalance(Rebalance::kPerSecond, index + 1) {}
    double wanted() const {
      return std::accumulate(leaving.begin(), leaving.end(), load(connections),
                             [](double sum, const Leaving& one) { return sum + one.connection.cpus; });
    }
    std::vector<Connection> connections{};
    std::deque<Leaving> leaving{};
    Rebalance rebalance;
    Digest digest = digest_of(0);
    double idle_milli = 1000;
  };

  static double load(const std::vector<Connection>& some) {
    return std::accumulate(some.begin(), some.end(), 0.0,
                           [](double sum, const Connection& one) { return sum + one.cpus; });
  }
  double uniform() { return std::uniform_real_distribution<double>(1e-9, 1)(random_); }

  void measure(One& member) {
    const double noise = std::normal_distribution<double>(1, 0.1)(random_);
    const double used = std::clamp(member.wanted() * noise, 0.0, 1.0);
    member.idle_milli += (1000 * (1 - used) - member.idle_milli) * Members::kNewsWeight;
    member.digest = digest_of(1 - member.idle_milli / 1000);
    member.digest.takes = member.rebalance.taken(member.digest, 100'000);
  }

  Movable movable(const One& member) const {
    Movable movable;
    const double got = std::min(1.0, 1 / std::max(1e-9, member.wanted()));
    for (const Connection& one : member.connections)
      if (!stays(one)) ++movable.idle.count, movable.idle.cpus += one.cpus * got;
    return movable;
  }

  bool stays(const Connection& one) const {
    return (beat_ - one.since) * Members::kHeartbeat < Rebalance::kResidence;
  }

  void decide(std::size_t at, const std::vector<Digest>& digests) {
    One& member = members_[at];
    std::vector<Member> others;
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (i != at) others.push_back(member_of(static_cast<tls::MemberNumber>(i + 1), digests[i]));
    for (const Move& move : member.rebalance.update(member.digest, others, movable(member)))
      for (std::uint32_t i = 0; i < move.count; ++i) give(member, move);
    arrive(member);
  }

  void arrive(One& from) {
    for (; !from.leaving.empty() && from.leaving.front().there <= beat_; from.leaving.pop_front()) {
      const Leaving& one = from.leaving.front();
      members_[one.to - 1].connections.push_back({.cpus = one.connection.cpus, .since = beat_});
      from.rebalance.ends(one.to, true);
    }
  }

  /// Any of those that may.
  void give(One& from, const Move& move) {
    auto& all = from.connections;
    for (int tries = 0; tries < 100 && !all.empty(); ++tries) {
      const std::size_t which = random_() % all.size();
      if (stays(all[which])) continue;
      from.rebalance.begins(move.to, move.kind);
      from.leaving.push_back({.connection = all[which], .to = move.to, .there = beat_ + underway_});
      all[which] = all.back();
      all.pop_back();
      ++moves_;
      return;
    }
  }

  const int underway_;
  std::mt19937 random_;
  std::vector<One> members_;
  int beat_ = 0;
  std::size_t moves_ = 0;
};

constexpr int kBeatsPerS = 4;

struct ShopCase {
  const char* name;
  std::size_t members, connections;
  double cpus;            ///< In use, of all.
  int underway, seconds;  ///< Heartbeats of a move; until it has to be even.
  double within;          ///< So much of a CPU: with few connections each is some of it.
};
class EvenShop : public testing::TestWithParam<ShopCase> {};

TEST_P(EvenShop, BecomesEvenAndStaysStill) {
  const ShopCase& row = GetParam();
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Shop shop{row.members, row.underway, seed};
    shop.come(0, row.connections, row.cpus);
    for (int i = 0; i < row.seconds * kBeatsPerS; ++i) shop.beat();
    EXPECT_LT(shop.furthest(), row.within) << seed;
    const std::size_t moved = shop.moves();
    double furthest = 0;
    for (int i = 0; i < 60 * kBeatsPerS; ++i) shop.beat(), furthest = std::max(furthest, shop.furthest());
    EXPECT_LT(furthest, row.within) << seed;
    EXPECT_LT(shop.moves() - moved, 60U * 3) << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Rebalance, EvenShop,
                         testing::Values(ShopCase{"OfThree", 3, 2000, 1.5, 0, 4, 0.12},
                                         ShopCase{"OfThreeWhereMovingTakesAWhile", 3, 2000, 1.5, 3, 5, 0.12},
                                         ShopCase{"OfThreeThatAreNearlyFull", 3, 2000, 2.5, 1, 5, 0.15},
                                         ShopCase{"OfThreeWithFewConnections", 3, 60, 1.5, 1, 5, 0.3},
                                         ShopCase{"OfSixteen", 16, 3000, 9.6, 1, 8, 0.12}),
                         [](const auto& test) { return std::string(test.param.name); });

/// All come to one, as behind a balancer that goes by address, and stay for 50 s.
TEST(Rebalance, KeepsUpWithConnectionsThatAllComeToOne) {
  Shop shop{3, 1, 1};
  const auto run = [&](int seconds) {
    double furthest = 0;
    for (int i = 0; i < seconds * kBeatsPerS; ++i) {
      shop.go(5);
      shop.come(0, 10, 0.0075);
      shop.beat();
      furthest = std::max(furthest, shop.furthest());
    }
    return furthest;
  };
  run(200);
  const std::size_t before = shop.moves();
  const double furthest = run(100);
  const std::size_t moved = shop.moves() - before;
  EXPECT_LT(furthest, 0.2);
  EXPECT_NEAR(static_cast<double>(moved), 100 * 40 * 2 / 3, 700)
      << "two of three that come, and hardly one twice";
}

}  // namespace
}  // namespace sluice::cluster
