#include "cluster/handover_table.hpp"

#include <optional>

#include <gtest/gtest.h>

namespace sluice::cluster {
namespace {

using namespace std::chrono_literals;
constexpr Monotonic::time_point kNow{1h};

/// What a function that is called once was called with.
struct Said {
  std::optional<bool> what{};
  auto function() {
    return [this](bool said) {
      EXPECT_FALSE(what.has_value()) << "called twice";
      what = said;
    };
  }
};

TEST(Departures, GoTheirWay) {
  Departures departures;
  const HandoverId id = departures.begin();
  EXPECT_EQ(id, 1U);
  Said asked, offered;
  departures.asked(id, asked.function(), kNow);
  EXPECT_TRUE(departures.prepared(id));
  EXPECT_EQ(asked.what, true);
  EXPECT_FALSE(departures.prepared(id)) << "it came twice";
  departures.offered(id, offered.function(), kNow);
  EXPECT_TRUE(departures.ready(id));
  EXPECT_EQ(offered.what, true);
  departures.give(id);
  EXPECT_FALSE(departures.ready(id));
  EXPECT_FALSE(departures.refused(id));
  EXPECT_EQ(departures.begin(), 2U);
}

TEST(Departures, StayWhereTheyAreRefusedOrNobodyAnswers) {
  Departures departures;
  Said refused, late, over;
  const HandoverId first = departures.begin(), second = departures.begin();
  departures.asked(first, refused.function(), kNow);
  departures.asked(second, late.function(), kNow);
  EXPECT_TRUE(departures.refused(first));
  EXPECT_EQ(refused.what, false);
  departures.expire(kNow + Departures::kAskPatience - 1ms);
  EXPECT_FALSE(late.what.has_value());
  departures.expire(kNow + Departures::kAskPatience);
  EXPECT_EQ(late.what, false);
  departures.offered(second, over.function(), kNow);
  EXPECT_EQ(over.what, false) << "it was over already";
}

TEST(Departures, HearOnlyTheMemberTheyGoTo) {
  Departures departures;
  Said asked;
  const HandoverId id = departures.begin(7);
  departures.asked(id, asked.function(), kNow);
  EXPECT_FALSE(departures.prepared(id, 8));
  EXPECT_FALSE(departures.refused(id, 8));
  EXPECT_FALSE(departures.knows(id, 8));
  EXPECT_FALSE(asked.what.has_value());
  EXPECT_TRUE(departures.knows(id, 7));
  EXPECT_TRUE(departures.prepared(id, 7));
  EXPECT_EQ(asked.what, true);
  EXPECT_FALSE(departures.empty());
  departures.keep(id);
  EXPECT_TRUE(departures.empty());
}

/// Neither time nor a word of the other side reaches a connection that was told to wipe its keys.
TEST(Departures, GoOnceTheyWereToldToWipe) {
  Departures departures;
  const HandoverId id = departures.begin();
  Said asked, offered;
  departures.asked(id, asked.function(), kNow);
  departures.prepared(id);
  departures.offered(id, offered.function(), kNow);
  departures.ready(id);
  EXPECT_FALSE(departures.refused(id));
  departures.end_all();
  EXPECT_EQ(offered.what, true);
  departures.give(id);
}

Arrivals::Key key_of(HandoverId id, std::uint64_t incarnation = 10) {
  return {.source = 1, .incarnation = incarnation, .id = id};
}

void bring(Arrivals& arrivals, const Arrivals::Key& key, Said& said) {
  ASSERT_TRUE(arrivals.prepare(key, kNow));
  ASSERT_TRUE(arrivals.state(key, said.function(), kNow));
  ASSERT_TRUE(arrivals.restored(key, kNow));
}

TEST(Arrivals, AreOursOnceTheyAreCommitted) {
  Arrivals arrivals;
  Said said;
  bring(arrivals, key_of(1), said);
  EXPECT_FALSE(said.what.has_value());
  EXPECT_TRUE(arrivals.commit(key_of(1)));
  EXPECT_EQ(said.what, true);
  EXPECT_FALSE(arrivals.commit(key_of(1)));
  arrivals.cancel(key_of(1));
  EXPECT_FALSE(arrivals.prepare(key_of(1), kNow)) << "it all came again";
  EXPECT_FALSE(arrivals.state(key_of(1), said.function(), kNow));
}

TEST(Arrivals, AreGivenUpWhenNothingMoreIsHeard) {
  Arrivals arrivals;
  Said late, cancelled, gone;
  bring(arrivals, key_of(1), late);
  arrivals.expire(kNow + Arrivals::kPatience);
  EXPECT_EQ(late.what, false);
  EXPECT_FALSE(arrivals.commit(key_of(1)));
  bring(arrivals, key_of(2), cancelled);
  bring(arrivals, key_of(3), gone);
  arrivals.cancel(key_of(2));
  EXPECT_EQ(cancelled.what, false);
  arrivals.end_all(1, 10);
  EXPECT_EQ(gone.what, false);
}

/// It gave away a connection, died, and counts from 1 again.
TEST(Arrivals, ALateCommitOfAnEarlierProcessIsNotForALaterOnes) {
  Arrivals arrivals;
  Said said;
  bring(arrivals, key_of(1, 11), said);
  EXPECT_FALSE(arrivals.commit(key_of(1, 10)));
  arrivals.cancel(key_of(1, 10));
  arrivals.end_all(1, 10);
  EXPECT_FALSE(said.what.has_value());
  EXPECT_TRUE(arrivals.commit(key_of(1, 11)));
}

TEST(Arrivals, TheSourceIsWaitedForLongerThanItWaits) {
  EXPECT_GT(Arrivals::kPatience, Departures::kPatience);
}

}  // namespace
}  // namespace sluice::cluster
