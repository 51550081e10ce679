#include "server/expected.hpp"

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

ArrivalPtr arrival() {
  return std::make_shared<Arrival>(ConnectionImage{}, -1, Transport::relay, [](std::string_view) {});
}

constexpr HandoverKey kKey{.member = 1, .incarnation = 2, .id = 3};

/// What was found, how often.
struct Finder {
  ArrivalPtr found{};
  int times = 0;
  Expected::Found ask() {
    return [this](ArrivalPtr arrival) {
      found = std::move(arrival);
      ++times;
    };
  }
};

TEST(Expected, WhoeverIsFirstWaits) {
  Expected expected;
  Finder first, second;
  const auto known = arrival();
  EXPECT_TRUE(expected.put(kKey, known));
  expected.await(kKey, first.ask());
  EXPECT_EQ(first.found, known);
  expected.await(kKey, second.ask());
  EXPECT_EQ(second.times, 0) << "it was taken";
  const auto other = arrival();
  EXPECT_TRUE(expected.put(kKey, other));
  EXPECT_EQ(second.found, other);
}

TEST(Expected, WhatIsDroppedIsFoundByNobody) {
  Expected expected;
  Finder waiting, late;
  expected.await(kKey, waiting.ask());
  expected.drop(kKey);
  EXPECT_EQ(waiting.times, 1);
  EXPECT_EQ(waiting.found, nullptr);
  EXPECT_TRUE(expected.put(kKey, arrival()));
  expected.drop(kKey);
  expected.await(kKey, late.ask());
  EXPECT_EQ(late.times, 0);
}

/// Who repeats the header of a connection's bytes.
TEST(Expected, ASecondOneWithTheSameNameGetsNothing) {
  Expected expected;
  Finder first, second;
  expected.await(kKey, first.ask());
  expected.await(kKey, second.ask());
  EXPECT_EQ(second.times, 1);
  EXPECT_EQ(second.found, nullptr);
  const auto known = arrival();
  EXPECT_TRUE(expected.put(kKey, known));
  EXPECT_EQ(first.found, known);
  EXPECT_TRUE(expected.put({.member = 1, .incarnation = 9, .id = 3}, arrival()));
  EXPECT_FALSE(expected.put({.member = 1, .incarnation = 9, .id = 3}, arrival())) << "twice the same";
}

TEST(Expected, IsBounded) {
  Expected expected;
  for (std::uint64_t id = 0; id < Expected::kMax; ++id) EXPECT_TRUE(expected.put({.id = id}, arrival()));
  EXPECT_FALSE(expected.put({.id = Expected::kMax}, arrival()));
}

TEST(Arrival, TellsOnceWhoseItIs) {
  for (const bool early : {true, false}) {
    const auto one = arrival();
    std::vector<bool> told;
    const auto tell = [&told](bool ours) { told.push_back(ours); };
    if (early) one->settle(false);
    one->await(tell);
    if (!early) one->settle(false);
    one->settle(true);
    EXPECT_EQ(told, std::vector<bool>{false}) << "the first word counts";
  }
}

}  // namespace
}  // namespace sluice::server
