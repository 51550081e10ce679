#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/model/describe.hpp"

namespace sluice::loadgen {
namespace {

using Shares = std::map<std::string, double>;

/// States that are not named are below half a point.
void expect_shares(const Transitions& table, const Mix& mix, const Shares& percent) {
  for (std::size_t state = 0; state < table.size(); ++state) {
    const auto& name = table.names()[state];
    const auto expected = percent.find(name);
    EXPECT_NEAR(100 * mix.shares[state], expected == percent.end() ? 0 : expected->second, 0.5) << name;
  }
}

TEST(DefaultModel, HasTheSharesOfRubis) {
  const auto table = Transitions::load("default");
  expect_shares(table, simulate(table, 100'000, 1),
                {{"Home", 2.12},
                 {"Register", 1.11},
                 {"RegisterUser", 1.11},
                 {"Browse", 7.64},
                 {"BrowseCategories", 5.34},
                 {"SearchItemsInCategory", 16.8},
                 {"BrowseRegions", 2.22},
                 {"BrowseCategoriesInRegion", 2.18},
                 {"SearchItemsInRegion", 6.94},
                 {"ViewItem", 16.3},
                 {"ViewUserInfo", 4.21},
                 {"ViewBidHistory", 2.32},
                 {"BuyNowAuth", 1.64},
                 {"BuyNow", 1.61},
                 {"StoreBuyNow", 1.58},
                 {"PutBidAuth", 5.86},
                 {"PutBid", 7.15},
                 {"StoreBid", 5.29},
                 {"PutComment", 0.65},
                 {"StoreComment", 0.65},
                 {"Sell", 0.61},
                 {"SelectCategoryToSellItem", 0.60},
                 {"SellItemForm", 0.59},
                 {"RegisterItem", 0.58},
                 {"AboutMeAuth", 1.80},
                 {"AboutMe", 3.08}});
}

// Sessions are long and stay with categories or regions, so that 100,000 requests scatter by a point around
// these figures, which are those of 10 million.
TEST(BrowseModel, HasTheSharesOfRubis) {
  const auto table = Transitions::load("browse");
  expect_shares(table, simulate(table, 2'000'000, 1),
                {{"SearchItemsInCategory", 34.0},
                 {"ViewItem", 35.1},
                 {"SearchItemsInRegion", 14.2},
                 {"ViewUserInfo", 9.8},
                 {"ViewBidHistory", 4.35},
                 {"Browse", 1.0},
                 {"BrowseCategories", 0.7},
                 {"BrowseRegions", 0.3},
                 {"BrowseCategoriesInRegion", 0.3},
                 {"Home", 0.3}});
}

TEST(Models, HaveSessionsAsLongAsThoseOfRubis) {
  EXPECT_NEAR(simulate(Transitions::load("default"), 500'000, 1).requests_per_session, 51, 1.5);
  EXPECT_NEAR(simulate(Transitions::load("browse"), 1'500'000, 1).requests_per_session, 442, 18);
}

TEST(Models, WaitAsTheTableSays) {
  EXPECT_NEAR(simulate(Transitions::load("default"), 100'000, 1).mean_wait_s, 4.3, 0.2);
  EXPECT_NEAR(simulate(Transitions::load("default_7"), 100'000, 1).mean_wait_s, 7 * (1 - 0.132), 0.1)
      << "Back is 13.2 % of all transitions and takes no time";
}

TEST(Simulation, RepeatsWithItsSeed) {
  const auto table = Transitions::load("default");
  EXPECT_EQ(simulate(table, 10'000, 1).shares, simulate(table, 10'000, 1).shares);
  EXPECT_NE(simulate(table, 10'000, 1).shares, simulate(table, 10'000, 2).shares);
}

TEST(Describe, ListsStatesByShare) {
  const auto text = describe(Transitions::load("browse"), 2);
  EXPECT_THAT(text, testing::StartsWith("model browse\n"));
  EXPECT_THAT(text, testing::HasSubstr("%  ViewItem\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("StoreBid"))) << "never reached";
  EXPECT_LT(text.find("ViewItem"), text.find("Home"));
}

}  // namespace
}  // namespace sluice::loadgen
