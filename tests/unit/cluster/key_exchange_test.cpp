#include "cluster/key_exchange.hpp"

#include <gtest/gtest.h>

namespace sluice::cluster {
namespace {

using namespace std::chrono_literals;

constexpr WallSeconds kNow{1'000'000s};
constexpr Monotonic::time_point kStart{100s};

/// Keys of one member, before and after it joins. A later `start` makes it the one that comes second.
struct Side {
  explicit Side(WallSeconds start = kNow) : keys({}, start), exchange(keys) {}
  const tls::TicketKey& current() const { return keys.ring()->current(); }

  tls::TicketKeys keys;
  KeyExchange exchange;
};

TEST(KeyExchange, SaysNothingBeforeItJoined) {
  Side side;
  EXPECT_TRUE(side.exchange.ours().keys.empty());
  EXPECT_EQ(side.exchange.fingerprint(), 0U);
  EXPECT_FALSE(side.exchange.asks("other", 7, kStart));
  side.exchange.join(kNow);
  EXPECT_EQ(side.exchange.ours().keys.size(), 1U);
  EXPECT_EQ(side.exchange.fingerprint(), side.keys.ring()->fingerprint());
  EXPECT_TRUE(side.exchange.asks("other", 7, kStart));
}

TEST(KeyExchange, AsksEachThatHasOtherKeysOnceASecond) {
  Side side;
  side.exchange.join(kNow);
  EXPECT_FALSE(side.exchange.asks("other", 0, kStart)) << "it has not joined";
  EXPECT_FALSE(side.exchange.asks("other", side.exchange.fingerprint(), kStart));
  EXPECT_TRUE(side.exchange.asks("other", 7, kStart));
  EXPECT_FALSE(side.exchange.asks("other", 7, kStart + KeyExchange::kAskEvery - 1ms));
  EXPECT_TRUE(side.exchange.asks("third", 7, kStart));
  EXPECT_TRUE(side.exchange.asks("other", 7, kStart + KeyExchange::kAskEvery));
}

TEST(KeyExchange, TwoThatStartTogetherComeToHaveTheSameKeys) {
  Side one, two;
  one.exchange.join(kNow);
  two.exchange.join(kNow);
  ASSERT_NE(one.exchange.fingerprint(), two.exchange.fingerprint());
  one.exchange.on(two.exchange.ours(), kNow);
  two.exchange.on(one.exchange.ours(), kNow);
  EXPECT_EQ(one.exchange.fingerprint(), two.exchange.fingerprint());
  EXPECT_EQ(one.current().name, two.current().name);
}

TEST(KeyExchange, WhoJoinsTakesAgreedKeysInPlaceOfItsOwn) {
  Side old, fresh;
  old.exchange.join(kNow);
  tls::TicketKey agreed = tls::make_ticket_key(kNow);
  agreed.generation = 3;
  old.exchange.on({.keys = {agreed}}, kNow);
  fresh.exchange.on(old.exchange.ours(), kNow);
  EXPECT_NE(fresh.current().name, agreed.name) << "put aside until it joins";
  const auto own = fresh.current().name;
  fresh.exchange.join(kNow);
  EXPECT_EQ(fresh.current().name, agreed.name);
  EXPECT_EQ(fresh.keys.ring()->find(Bytes{own}), nullptr) << "nothing was sealed with it";
}

}  // namespace
}  // namespace sluice::cluster
