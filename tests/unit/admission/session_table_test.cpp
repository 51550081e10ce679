#include "admission/session_table.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

using namespace std::chrono_literals;
using Resumption = SessionTable::Resumption;

constexpr std::uint64_t kShards = 16;  // an id's low part names its shard
constexpr WallSeconds kWall{1'700'000'000s};

SessionRecord record_of(std::uint64_t number, WallSeconds admitted_at = kWall) {
  return {.id = {7, number}, .admitted_at = admitted_at};
}

class Sessions : public testing::Test {
 protected:
  static constexpr auto kHorizon = 4s;  // looked at every second, in 16 steps

  SessionPtr begin(std::uint64_t number) { return table.begin(record_of(number), now); }
  SessionTable::Resumed resume(std::uint64_t number) { return table.resume(record_of(number), now, kWall); }
  /// As a server does: a tick every tenth of a second.
  SessionTable::Change pass(Duration time) {
    SessionTable::Change sum;
    for (const Instant end = now + time; now < end;) {
      now += 100ms;
      const auto change = table.tick(now, kHorizon);
      sum.live = change.live;
      sum.begun += change.begun;
      sum.departed += change.departed;
    }
    return sum;
  }

  Instant now{1h};
  SessionTable table{};
};

TEST_F(Sessions, ANewcomerIsLiveAndKnown) {
  const SessionPtr session = begin(1);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->record(), record_of(1));
  EXPECT_FALSE(session->shed());
  EXPECT_EQ(session->last_answer(), Instant{});
  EXPECT_EQ(table.live(), 1U);
  EXPECT_EQ(table.size(), 1U);
  const auto change = pass(100ms);
  EXPECT_EQ(change.live, 1U);
  EXPECT_EQ(change.begun, 1U);
  EXPECT_EQ(change.departed, 0);
  EXPECT_EQ(pass(100ms).begun, 0U) << "is told once";
}

TEST_F(Sessions, GoesOnWithTheSameSession) {
  const SessionPtr session = begin(1);
  const auto resumed = resume(1);
  EXPECT_EQ(resumed.result, Resumption::in_session);
  EXPECT_EQ(resumed.session, session);
  EXPECT_EQ(table.live(), 1U);
}

TEST_F(Sessions, GoOutOfSightAfterTheHorizonAndAtMostATurnLater) {
  begin(1);
  pass(0s);
  EXPECT_EQ(pass(kHorizon - 100ms).live, 1U);
  const auto change = pass(1s + 300ms);  // a turn, and two steps of ticks for rounding
  EXPECT_EQ(change.live, 0U);
  EXPECT_EQ(change.departed, 1);
  EXPECT_EQ(table.size(), 1U) << "is remembered";
}

TEST_F(Sessions, StayInSightWhileTheyAreSeen) {
  const SessionPtr session = begin(1);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(pass(3s).departed, 0);
    table.seen(*session, now);
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(pass(3s).departed, 0);
    session->answered(now);
  }
  EXPECT_EQ(session->last_answer(), now);
  EXPECT_EQ(table.live(), 1U);
}

TEST_F(Sessions, WhoComesBackCountsAsADepartureLess) {
  begin(1);
  EXPECT_EQ(pass(10s).departed, 1);
  EXPECT_EQ(resume(1).result, Resumption::in_session);
  EXPECT_EQ(table.live(), 1U);
  EXPECT_EQ(pass(100ms).departed, -1);
}

TEST_F(Sessions, ARequestWakesWhoWasOutOfSight) {
  const SessionPtr session = begin(1);
  EXPECT_EQ(pass(10s).live, 0U);
  table.seen(*session, now);
  table.seen(*session, now);  // once
  const auto change = pass(100ms);
  EXPECT_EQ(change.live, 1U);
  EXPECT_EQ(change.departed, -1);
  EXPECT_EQ(pass(10s).departed, 1);
}

TEST_F(Sessions, WhoLeavesIsGoneSooner) {
  const SessionPtr session = begin(1);
  table.leave(*session, now);
  EXPECT_EQ(pass(900ms).live, 1U);
  EXPECT_EQ(pass(1500ms).live, 0U);  // of a horizon of 4 s
}

TEST_F(Sessions, WhoLeftAndCameBackHasItsWholeTimeAgain) {
  const SessionPtr session = begin(1);
  table.leave(*session, now);
  EXPECT_EQ(resume(1).result, Resumption::in_session);
  EXPECT_EQ(pass(3s).live, 1U);
}

TEST_F(Sessions, ARequestOnAnotherConnectionTellsThatItDidNotLeave) {
  const SessionPtr session = begin(1);
  table.leave(*session, now);
  table.seen(*session, now);
  EXPECT_EQ(pass(3s).live, 1U);
}

TEST_F(Sessions, WhoseHandshakeFailedIsForgotten) {
  const SessionPtr session = begin(1);
  table.cancel(*session);
  table.cancel(*session);  // nothing is left of it
  EXPECT_EQ(table.size(), 0U);
  const auto change = pass(100ms);
  EXPECT_EQ(change.live, 0U);
  EXPECT_EQ(change.begun, 1U);
  EXPECT_EQ(change.departed, 1);
  table.seen(*session, now);  // a request that was on its way
  EXPECT_EQ(table.live(), 0U);
}

// Who is a stranger.

TEST_F(Sessions, IsAStrangerOnceItWasNotSeenForMemory) {
  begin(1), begin(2);
  now += 1800s;
  EXPECT_EQ(table.resume(record_of(1), now, kWall + 1800s).result, Resumption::in_session);
  now += 1s;
  EXPECT_EQ(table.resume(record_of(2), now, kWall + 1801s).result, Resumption::stranger);
}

TEST_F(Sessions, WhatWasNotSeenForMemoryIsForgotten) {
  begin(1);
  pass(10s);
  now += 1795s;
  pass(4s);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.resume(record_of(1), now, kWall + 1809s).result, Resumption::stranger);
}

TEST_F(Sessions, IsAStrangerOnceItWasShed) {
  const SessionPtr session = begin(1);
  EXPECT_EQ(table.shed(1, now), 1U);
  EXPECT_TRUE(session->shed());
  const auto resumed = resume(1);
  EXPECT_EQ(resumed.result, Resumption::stranger);
  EXPECT_EQ(resumed.session, nullptr);
  table.seen(*session, now);  // nor does a request bring it back
  EXPECT_EQ(table.live(), 0U);
  EXPECT_EQ(pass(100ms).departed, 1);
}

TEST_F(Sessions, IsAStrangerWithARecordOfAnotherEpoch) {
  begin(1);
  SessionRecord record = record_of(1);
  record.epoch = table.epoch() + 1;
  EXPECT_EQ(table.resume(record, now, kWall).result, Resumption::stranger);
}

struct AgeCase {
  const char* name;
  std::chrono::seconds age;
  Resumption result;
};
class UnknownRecord : public testing::TestWithParam<AgeCase> {};

TEST_P(UnknownRecord, IsTakenInWhileItIsYoung) {
  SessionTable table;
  const Instant now{1h};
  const auto resumed = table.resume(record_of(1, kWall - GetParam().age), now, kWall);
  const bool taken = GetParam().result == Resumption::in_session;
  EXPECT_EQ(resumed.result, GetParam().result);
  EXPECT_EQ(resumed.session != nullptr, taken);
  const auto change = table.tick(now, 4s);
  EXPECT_EQ(change.live, taken ? 1U : 0U);
  EXPECT_EQ(change.begun, 0U);
  EXPECT_EQ(change.departed, taken ? -1 : 0) << "it comes back from elsewhere";
}
INSTANTIATE_TEST_SUITE_P(Admission, UnknownRecord,
                         testing::Values(AgeCase{"New", 0s, Resumption::in_session},
                                         AgeCase{"AtItsEnd", 1800s, Resumption::in_session},
                                         AgeCase{"TooOld", 1801s, Resumption::stranger},
                                         AgeCase{"OfAClockThatIsAhead", -60s, Resumption::in_session},
                                         AgeCase{"OfAClockThatIsWrong", -1801s, Resumption::stranger},
                                         AgeCase{"OfTheLastDay", kWall - WallSeconds::max(),
                                                 Resumption::stranger}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(UnknownRecords, OfTheFirstDayAreTooOld) {
  SessionTable table;
  const auto resumed = table.resume(record_of(1, WallSeconds::min()), Instant{1h}, kWall);
  EXPECT_EQ(resumed.result, Resumption::stranger);
}

// The allowance of resumptions: 6 at once and in each 10 s.

TEST_F(Sessions, MayResumeSoOftenAndNoMore) {
  begin(1);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(resume(1).result, Resumption::in_session);
  const auto seventh = resume(1);
  EXPECT_EQ(seventh.result, Resumption::excessive);
  EXPECT_EQ(seventh.session, nullptr);
  now += 1600ms;
  EXPECT_EQ(resume(1).result, Resumption::excessive);
  now += 100ms;  // 10 s / 6, and asking in vain cost nothing
  EXPECT_EQ(resume(1).result, Resumption::in_session);
  EXPECT_EQ(resume(1).result, Resumption::excessive);
}

TEST_F(Sessions, SaveNoMoreThanTheAllowance) {
  begin(1);
  now += 1000s;
  int resumed = 0;
  while (resume(1).result == Resumption::in_session) ++resumed;
  EXPECT_EQ(resumed, 6);
}

TEST_F(Sessions, DoNotPayForWhoHasTheirTicketOnly) {
  const auto session = begin(1);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(resume(1).result, Resumption::in_session);
    table.give_back_resumption(*session);
  }
  for (int i = 0; i < 6; ++i) EXPECT_EQ(resume(1).result, Resumption::in_session);
  EXPECT_EQ(resume(1).result, Resumption::excessive);
  for (int i = 0; i < 20; ++i) table.give_back_resumption(*session);
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(resume(1).result, Resumption::in_session) << "no more than there were";
  EXPECT_EQ(resume(1).result, Resumption::excessive);
}

TEST_F(Sessions, MayBeAllowedLessOrMore) {
  using Allowance = SessionTable::Allowance;
  const auto with = [&](Allowance allowance) {
    return table.resume(record_of(1), now, kWall, allowance).result;
  };
  begin(1);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(with(Allowance::half), Resumption::in_session);
  EXPECT_EQ(with(Allowance::half), Resumption::excessive) << "half of it has to be left";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(with(Allowance::whole), Resumption::in_session);
  EXPECT_EQ(with(Allowance::whole), Resumption::excessive);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(with(Allowance::unlimited), Resumption::in_session);
}

TEST_F(Sessions, WhoResumesInVainStaysOutOfSight) {
  begin(1);
  for (int i = 0; i < 6; ++i) resume(1);
  EXPECT_EQ(pass(3s).live, 1U);
  while (resume(1).result == Resumption::in_session) {
  }
  EXPECT_EQ(pass(10s).live, 0U);
}

// A table that is full: each shard has its part.

class FullTable : public testing::Test {
 protected:
  SessionTable table{{.sessions = 2 * kShards}};  // two in a shard; these are all in shard 1
  Instant now{1h};
};

TEST_F(FullTable, TakesNobodyInWhileAllAreLive) {
  const auto first = table.begin(record_of(1), now);
  const auto second = table.begin(record_of(1 + kShards), now);
  EXPECT_EQ(table.begin(record_of(1 + 2 * kShards), now), nullptr);
  EXPECT_EQ(table.resume(record_of(1 + 3 * kShards), now, kWall).result, Resumption::stranger);
  EXPECT_EQ(table.full(), 2U);
  EXPECT_EQ(table.live(), 2U);
  const auto change = table.tick(now, 4s);
  EXPECT_EQ(change.begun, 2U);
  EXPECT_EQ(change.departed, 0);
  EXPECT_NE(table.begin(record_of(2), now), nullptr) << "another shard has room";
}

TEST_F(FullTable, MakesRoomFromTheLongestDormant) {
  const auto first = table.begin(record_of(1), now);
  table.tick(now, 1s);
  now += 10s;
  table.tick(now, 1s);  // dormant
  const auto second = table.begin(record_of(1 + kShards), now);
  EXPECT_NE(table.begin(record_of(1 + 2 * kShards), now), nullptr);
  EXPECT_EQ(table.full(), 0U);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table.resume(record_of(1 + kShards), now, kWall).session, second) << "the live one stayed";
  table.seen(*first, now);  // was forgotten
  EXPECT_EQ(table.live(), 2U);
}

TEST_F(FullTable, ForgetsTheLongestDormantFirst) {
  table.tick(now, 1s);
  for (const std::uint64_t number : {std::uint64_t{1}, 1 + kShards}) {
    table.begin(record_of(number), now);
    now += 10s;
    table.tick(now, 1s);
  }
  EXPECT_EQ(table.live(), 0U);
  table.begin(record_of(1 + 2 * kShards), now);
  // Who was forgotten is too old to be taken in unknown.
  const auto later = kWall + 1801s;
  EXPECT_EQ(table.resume(record_of(1), now, later).result, Resumption::stranger);
  EXPECT_EQ(table.resume(record_of(1 + kShards), now, later).result, Resumption::in_session);
}

// Shedding.

TEST_F(Sessions, TheYoungestAreShedFirst) {
  std::vector<SessionPtr> sessions;
  for (std::uint64_t i = 0; i < 8; ++i) sessions.push_back(begin(i * kShards));  // of one shard
  // Each of the shards gives its part, and the last one what is missing; so one is asked for at a time.
  for (std::size_t gone = 1; gone <= 3; ++gone) {
    EXPECT_EQ(table.shed(1, now), 1U);
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(sessions[i]->shed(), i >= 8 - gone) << i;
  }
  EXPECT_EQ(table.live(), 5U);
  EXPECT_EQ(pass(100ms).departed, 3);
}

TEST_F(Sessions, WhoWasOutOfSightForAWhileIsNoYoungerForIt) {
  const SessionPtr old = begin(0);
  for (int i = 0; i < 120; ++i) pass(1s);
  ASSERT_EQ(table.live(), 0U);
  const SessionPtr young = begin(kShards);
  table.seen(*old, now);
  ASSERT_EQ(table.live(), 2U);
  EXPECT_EQ(table.shed(1, now), 1U);
  EXPECT_TRUE(young->shed());
  EXPECT_FALSE(old->shed());
}

TEST_F(Sessions, WhoIsAboutToBuyIsNotShed) {
  std::vector<SessionPtr> sessions;
  for (std::uint64_t i = 0; i < 4; ++i) sessions.push_back(begin(i * kShards));
  sessions[3]->protect_until(now + 10s);
  EXPECT_EQ(table.shed(1, now), 1U);
  EXPECT_FALSE(sessions[3]->shed());
  EXPECT_TRUE(sessions[2]->shed());
  now += 10s;
  EXPECT_EQ(table.shed(1, now), 1U);
  EXPECT_TRUE(sessions[3]->shed());
}

TEST_F(Sessions, AsManyAreShedAsThereHaveToBe) {
  for (std::uint64_t i = 0; i < 160; ++i) begin(i);
  EXPECT_EQ(table.shed(0, now), 0U);
  EXPECT_EQ(table.shed(37, now), 37U);
  EXPECT_EQ(table.live(), 123U);
  EXPECT_EQ(table.shed(1000, now), 123U);
  EXPECT_EQ(table.shed(1000, now), 0U);
}

TEST_F(Sessions, AreShedWhereverTheyAre) {
  std::vector<SessionPtr> sessions;
  for (std::uint64_t i = 0; i < 32; ++i) sessions.push_back(begin(i));
  for (std::size_t i = 0; i < 32; ++i)
    if (i % kShards >= 8) sessions[i]->protect_until(now + 10s);
  EXPECT_EQ(table.shed(16, now), 16U);
}

TEST(SessionsOutlive, TheTable) {
  SessionPtr session;
  {
    SessionTable table;
    session = table.begin(record_of(1), Instant{1h});
  }
  EXPECT_EQ(session->record(), record_of(1));
}

}  // namespace
}  // namespace sluice::admission
