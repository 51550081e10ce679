#include "cluster/mover.hpp"

#include <gtest/gtest.h>

namespace sluice::cluster {
namespace {

using namespace std::chrono_literals;

const Monotonic::time_point kNow{1h};

Member taker(tls::MemberNumber number) {
  return {.name = std::to_string(number),
          .number = number,
          .digest = {.cpus_milli = 1000, .idle_milli = 900, .takes = 100},
          .heard = kNow};
}

struct Orders {
  Mover mover{7};
  std::vector<std::pair<std::size_t, std::size_t>> given{};
  Orders() {
    mover.set_order([this](const Mover::Wanted& wanted) { given.emplace_back(wanted.idle, wanted.busy); });
  }
  void beat(const Movable& movable = {}, bool rebalances = false, Monotonic::time_point now = kNow) {
    mover.beat({.cpus_milli = 1000, .idle_milli = 100}, {taker(1), taker(2)}, movable, rebalances, now);
  }
};

TEST(Mover, NobodyGoesUnasked) {
  Orders orders;
  orders.beat({.idle = {.count = 100, .cpus = 0.9}});
  EXPECT_TRUE(orders.given.empty());
  EXPECT_FALSE(orders.mover.next());
}

TEST(Mover, TheOperatorsWordGoesFirst) {
  Orders orders;
  orders.mover.send(2, 2, kNow);
  orders.beat();
  ASSERT_EQ(orders.given.size(), 1U);
  EXPECT_EQ(orders.given[0], (std::pair<std::size_t, std::size_t>{2, 2}));
  for (int i = 0; i < 2; ++i) {
    const auto ticket = orders.mover.next();
    ASSERT_TRUE(ticket);
    EXPECT_EQ(ticket->to, 2U);
    EXPECT_TRUE(ticket->ordered);
    orders.mover.ended(*ticket, true);
  }
  EXPECT_FALSE(orders.mover.next());
}

TEST(Mover, WhoCouldNotGoIsTriedAgainForAWhile) {
  Orders orders;
  orders.mover.send(1, 1, kNow);
  for (int i = 0; i < 3; ++i) {
    const auto ticket = orders.mover.next();
    ASSERT_TRUE(ticket) << i;
    EXPECT_FALSE(orders.mover.next());
    orders.mover.ended(*ticket, false);
  }
  orders.beat({}, false, kNow + Mover::kOrderFor);
  EXPECT_FALSE(orders.mover.next());
  EXPECT_TRUE(orders.given.empty());
}

TEST(Mover, RebalancingSaysHowManyOfEach) {
  Orders orders;
  const Movable movable{.idle = {.count = 90, .cpus = 0.8}, .busy = {.count = 10, .cpus = 0.1}};
  for (unsigned i = 0; i <= Rebalance::kSureBeats; ++i) orders.beat(movable, true);
  ASSERT_FALSE(orders.given.empty());
  std::size_t tickets = 0;
  while (const auto ticket = orders.mover.next()) {
    EXPECT_FALSE(ticket->ordered) << "of its own accord";
    ++tickets;
  }
  EXPECT_EQ(tickets, orders.given.back().first + orders.given.back().second);
}

TEST(Mover, WhoLeavesGivesAllAndTakesNone) {
  Orders orders;
  const Digest own{.cpus_milli = 1000, .idle_milli = 900};
  EXPECT_GT(orders.mover.taken(own, 1000), 0U);
  orders.mover.evacuate();
  EXPECT_EQ(orders.mover.taken(own, 1000), 0U);
  orders.beat({.idle = {.count = 10, .cpus = 0.1}});
  std::map<tls::MemberNumber, int> to;
  while (const auto ticket = orders.mover.next()) {
    EXPECT_TRUE(ticket->ordered) << "by whatever transport works";
    ++to[ticket->to];
  }
  EXPECT_EQ(to[1] + to[2], 10);
  EXPECT_GT(std::min(to[1], to[2]), 2);
}

}  // namespace
}  // namespace sluice::cluster
