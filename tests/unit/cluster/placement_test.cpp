#include "cluster/placement.hpp"

#include <map>
#include <string>

#include <gtest/gtest.h>

namespace sluice::cluster {
namespace {

Digest digest_of(double idle, std::uint32_t spare_per_s = 1000, MemberState state = MemberState::serving) {
  return {.state = state,
          .cpus_milli = 2000,
          .idle_milli = static_cast<std::uint32_t>(2000 * idle),
          .spare_milli = 1000 * spare_per_s};
}

Member member_of(tls::MemberNumber number, const Digest& digest, Liveness liveness = Liveness::alive) {
  return {.name = std::to_string(number), .number = number, .liveness = liveness, .digest = digest};
}

/// Long enough for what is smoothed to be as it is.
void settle(Placement& placement, const Digest& own, const std::vector<Member>& others) {
  for (int i = 0; i < 40; ++i) placement.update(own, others);
}

TEST(Placement, KnowsNobodyAtFirst) {
  Placement placement;
  EXPECT_FALSE(placement.may_choose());
  EXPECT_FALSE(placement.choose(true));
}

TEST(Placement, SendsMoreToWhoIsIdlerAndToWhoTakesMore) {
  Placement placement;
  placement.update(digest_of(0), {member_of(1, digest_of(0.3)), member_of(2, digest_of(0.6)),
                                  member_of(3, digest_of(0.6, 500))});
  std::map<tls::MemberNumber, int> sent;
  for (int i = 0; i < 120; ++i) ++sent[placement.choose(true).value()];
  EXPECT_NEAR(sent[1], 30, 2);
  EXPECT_NEAR(sent[2], 60, 2);
  EXPECT_NEAR(sent[3], 30, 2);
}

/// Were the idlest always the first, it would get a newcomer from each of them in the same moment.
TEST(Placement, MembersThatSeeTheSameSendToDifferentOnes) {
  std::vector<Member> others;
  for (tls::MemberNumber number = 1; number <= 64; ++number)
    others.push_back(member_of(number, digest_of(0.3 + 0.001 * number, 100)));
  std::map<tls::MemberNumber, int> sent;
  for (std::uint64_t seed = 1; seed <= 128; ++seed) {
    Placement placement{tls::number_of_member("member-" + std::to_string(seed))};
    placement.update(digest_of(0), others);
    ++sent[placement.choose(true).value()];
  }
  for (const auto& [member, newcomers] : sent) EXPECT_LE(newcomers, 8) << member << ": 2 would be even";
}

struct NobodyCase {
  const char* name;
  Digest own;
  Member other;
};
class Nobody : public testing::TestWithParam<NobodyCase> {};

TEST_P(Nobody, IsSentAway) {
  Placement placement;
  settle(placement, GetParam().own, {GetParam().other});
  EXPECT_FALSE(placement.choose(true));
  EXPECT_FALSE(placement.choose(false));
}

INSTANTIATE_TEST_SUITE_P(
    Placement, Nobody,
    testing::Values(
        NobodyCase{"ToWhoIsBusy", digest_of(0), member_of(1, digest_of(0.04))},
        NobodyCase{"ToWhoHasNoRoom", digest_of(0), member_of(1, digest_of(0.9, 0))},
        NobodyCase{"ToWhoLeaves", digest_of(0), member_of(1, digest_of(0.9, 1000, MemberState::draining))},
        NobodyCase{"ToWhoIsSuspect", digest_of(0), member_of(1, digest_of(0.9), Liveness::suspect)},
        NobodyCase{"ToWhoHasNoCpu", digest_of(0),
                   member_of(1, Digest{.idle_milli = 1000, .spare_milli = 1000})},
        NobodyCase{"ByWhoLeaves", digest_of(0, 1000, MemberState::draining), member_of(1, digest_of(0.9))}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Placement, GivesNobodyMoreThanItTakesUntilItHearsMore) {
  Placement placement;
  const std::vector<Member> others{member_of(1, digest_of(0.9, 80)), member_of(2, digest_of(0.9, 200)),
                                   member_of(3, digest_of(0, 0))};
  placement.update(digest_of(0), others);
  std::map<tls::MemberNumber, int> sent;
  while (const auto member = placement.choose(true)) ++sent[*member];
  EXPECT_EQ(sent[1], 10) << "80 a second in a quarter of one, from the two who are full";
  EXPECT_EQ(sent[2], 25);
  EXPECT_FALSE(placement.may_choose());
  placement.update(digest_of(0), others);
  EXPECT_TRUE(placement.choose(true));
}

TEST(Placement, PartsOfANewcomerAddUp) {
  Placement placement;
  int sent = 0;
  for (int beat = 0; beat < 40; ++beat) {
    placement.update(digest_of(0), {member_of(1, digest_of(0.9, 1))});
    sent += placement.choose(true) ? 1 : 0;
  }
  EXPECT_NEAR(sent, 10, 1);
  for (int beat = 0; beat < 40; ++beat) placement.update(digest_of(0), {member_of(1, digest_of(0.9, 1))});
  sent = 0;
  while (placement.choose(true)) ++sent;
  EXPECT_EQ(sent, 1) << "but are not saved up";
}

/// Or many senders that all had nothing to send for a while could swamp everybody at once.
TEST(Placement, NothingIsSavedUpForEachOfMany) {
  Placement placement;
  std::vector<Member> others;
  for (tls::MemberNumber number = 1; number <= 100; ++number)
    others.push_back(member_of(number, digest_of(0.9, 1)));
  for (int beat = 0; beat < 40; ++beat) placement.update(digest_of(0), others);
  std::map<tls::MemberNumber, int> sent;
  int all = 0;
  for (; const auto member = placement.choose(true); ++all) ++sent[*member];
  EXPECT_NEAR(all, 25, 1) << "a quarter of a second of what a hundred take";
  for (const auto& [member, newcomers] : sent) EXPECT_EQ(newcomers, 1) << member;
}

TEST(Placement, SpreadsOverEquals) {
  Placement placement;
  placement.update(digest_of(0), {member_of(1, digest_of(0.5)), member_of(2, digest_of(0.5))});
  std::map<tls::MemberNumber, int> sent;
  for (int i = 0; i < 100; ++i) ++sent[*placement.choose(true)];
  EXPECT_NEAR(sent[1], 50, 3);
}

TEST(Placement, LeavesOutWhoCouldNotBeReachedUntilItSpeaks) {
  Placement placement;
  std::vector<Member> others{member_of(1, digest_of(0.5)), member_of(2, digest_of(0.9))};
  placement.update(digest_of(0), others);
  placement.failed(2);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(placement.choose(true), 1U);
  placement.failed(1);
  EXPECT_FALSE(placement.choose(true));
  placement.update(digest_of(0), others);
  EXPECT_FALSE(placement.choose(true)) << "neither has said anything since";
  others[1].heard += Members::kHeartbeat;
  placement.update(digest_of(0), others);
  EXPECT_EQ(placement.choose(true), 2U) << "its next digest says it is there";
}

struct BalanceCase {
  const char* name;
  double own_idle, other_idle;
  bool goes;
};
class Balance : public testing::TestWithParam<BalanceCase> {};

TEST_P(Balance, NewcomersGoThoughThereIsRoom) {
  const BalanceCase& row = GetParam();
  Placement placement;
  settle(placement, digest_of(row.own_idle), {member_of(1, digest_of(row.other_idle))});
  int sent = 0;
  for (int i = 0; i < 100; ++i) sent += placement.choose(false) ? 1 : 0;
  EXPECT_EQ(sent > 0, row.goes) << placement.share();
  EXPECT_LE(placement.share(), Placement::kShareMax);
}

INSTANTIATE_TEST_SUITE_P(Placement, Balance,
                         testing::Values(BalanceCase{"FromFullToIdle", 0.02, 0.8, true},
                                         BalanceCase{"FromFullToLessFull", 0.02, 0.15, true},
                                         BalanceCase{"NotBetweenEquals", 0.05, 0.06, false},
                                         BalanceCase{"NotWhileNobodyIsBusy", 0.5, 0.9, false},
                                         BalanceCase{"NotToWhoIsBusier", 0.2, 0.1, false}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Placement, WhoIsPressedForAWhileIsRelievedByWhoTakesNewcomers) {
  const Digest full = digest_of(0.3, 0), fine = digest_of(0.6, 100);
  const std::vector<Member> others{member_of(1, digest_of(0.6)), member_of(2, digest_of(0.02)),
                                   member_of(3, digest_of(0.6), Liveness::suspect)};
  Placement placement;
  for (unsigned beat = 1; beat < Placement::kPressedBeats; ++beat) {
    placement.update(full, others);
    EXPECT_TRUE(placement.relief().empty()) << "a moment is no pressure";
  }
  placement.update(full, others);
  EXPECT_EQ(placement.relief(), std::vector<tls::MemberNumber>{1});
  placement.update(fine, others);
  EXPECT_TRUE(placement.relief().empty());
}

TEST(Placement, WhoIsMuchBusierThanOthersIsRelievedToo) {
  Placement placement;
  settle(placement, digest_of(0.05, 100), {member_of(1, digest_of(0.8))});
  EXPECT_EQ(placement.relief(), std::vector<tls::MemberNumber>{1});
  settle(placement, digest_of(0.05, 100, MemberState::draining), {member_of(1, digest_of(0.8))});
  EXPECT_TRUE(placement.relief().empty()) << "who leaves gives all away by itself";
}

/// Two members as a model: newcomers come to one, sessions last 10 s. Use becomes even and stays so.
TEST(Placement, BecomesEvenAndStaysStill) {
  Placement here, there;
  double mine = 0, theirs = 0;     // sessions; 100 fill a member
  const double come = 160.0 / 40;  // per heartbeat: 160 sessions in all
  double carry = 0;
  const auto idle = [](double sessions) { return std::max(0.0, 1 - sessions / 100); };
  double worst_late = 0;
  for (int beat = 0; beat < 1200; ++beat) {
    const Digest own = digest_of(idle(mine)), other = digest_of(idle(theirs));
    here.update(own, {member_of(2, other)});
    there.update(other, {member_of(1, own)});
    for (carry += come; carry >= 1; carry -= 1) ++(here.choose(mine >= 100) ? theirs : mine);
    mine *= 1 - 1.0 / 40, theirs *= 1 - 1.0 / 40;
    if (beat > 400) worst_late = std::max(worst_late, std::abs(mine - theirs));
  }
  EXPECT_LT(worst_late, 15) << "points of a CPU";
  EXPECT_NEAR(mine + theirs, 160, 10);
}

}  // namespace
}  // namespace sluice::cluster
