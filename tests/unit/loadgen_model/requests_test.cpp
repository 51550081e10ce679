#include "loadgen/model/rubis.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::loadgen {
namespace {

using testing::ElementsAre;
using testing::MatchesRegex;
using testing::StartsWith;

const std::string kServlet = "/rubis_servlets/servlet/edu.rice.rubis.servlets.";

/// A page with everything on it.
PageFacts item_page() {
  PageFacts facts;
  facts.item_id = 7;
  facts.user_id = 12;
  facts.to = 13;
  facts.to_value = 14;
  facts.max_qty = 1;
  facts.min_bid = 13.5F;
  facts.pages[0] = 3;
  return facts;
}

constexpr ShopSize kShop{.users = 100, .items = 2000, .items_per_page = 20};

std::string request(Interaction interaction, const PageFacts& facts, std::uint64_t seed = 1) {
  Shopper shopper{.id = 41, .last_item = -1, .last_user = -1};
  Random random{seed};
  return request_for(interaction, facts, kShop, shopper, random).value_or("step back");
}

struct RequestCase {
  Interaction interaction;
  const char* expected;  ///< Of item_page(); a servlet unless it begins with '/'. `.*` where it is random.
};
class RubisRequest : public testing::TestWithParam<RequestCase> {};

TEST_P(RubisRequest, HasTheParametersOfRubisInItsOrder) {
  std::string expected = GetParam().expected;
  if (!expected.starts_with('/'))
    expected = "/rubis_servlets/servlet/edu\\.rice\\.rubis\\.servlets\\." + expected;
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    EXPECT_THAT(request(GetParam().interaction, item_page(), seed), MatchesRegex(expected));
}

#define LOGIN "nickname=user42&password=password42"
INSTANTIATE_TEST_SUITE_P(
    Requests, RubisRequest,
    testing::Values(
        RequestCase{Interaction::home, "/rubis_servlets/index.html"},
        RequestCase{Interaction::register_form, "/rubis_servlets/register.html"},
        RequestCase{
            Interaction::register_user,
            "RegisterUser\\?firstname=Great[0-9]+&lastname=User[0-9]+&nickname=user[0-9]+&"
            "email=Great[0-9]+\\.User[0-9]+%40rubis\\.com&password=password[0-9]+&region=[A-Z][A-Z]--.*"},
        RequestCase{Interaction::browse, "/rubis_servlets/browse.html"},
        RequestCase{Interaction::browse_categories, "BrowseCategories"},
        RequestCase{
            Interaction::search_in_category,
            "SearchItemsByCategory\\?category=1?[0-9]&categoryName=[A-Z][A-Za-z+%0-9]*&page=3&nbOfItems=20"},
        RequestCase{Interaction::browse_regions, "BrowseRegions"},
        RequestCase{Interaction::browse_categories_in_region, "BrowseCategories\\?region=[A-Z][A-Z]--.*"},
        RequestCase{
            Interaction::search_in_region,
            "SearchItemsByRegion\\?region=[0-9]+&category=1?[0-9]&categoryName=.*&page=3&nbOfItems=20"},
        RequestCase{Interaction::view_item, "ViewItem\\?itemId=7"},
        RequestCase{Interaction::view_user, "ViewUserInfo\\?userId=12"},
        RequestCase{Interaction::view_bid_history, "ViewBidHistory\\?itemId=7"},
        RequestCase{Interaction::buy_now_auth, "BuyNowAuth\\?itemId=7"},
        RequestCase{Interaction::buy_now, "BuyNow\\?itemId=7&" LOGIN},
        RequestCase{Interaction::store_buy_now, "StoreBuyNow\\?itemId=7&userId=41&qty=1&maxQty=1"},
        RequestCase{Interaction::put_bid_auth, "PutBidAuth\\?itemId=7"},
        RequestCase{Interaction::put_bid, "PutBid\\?itemId=7&" LOGIN},
        RequestCase{Interaction::store_bid,
                    "StoreBid\\?itemId=7&userId=41&minBid=13\\.5&maxQty=1&bid=[12][0-9]\\.5&maxBid=[123][0-9]"
                    "\\.5&qty=1"},
        RequestCase{Interaction::put_comment_auth, "PutCommentAuth\\?itemId=7&to=13"},
        RequestCase{Interaction::put_comment, "PutComment\\?itemId=7&to=13&" LOGIN},
        RequestCase{Interaction::store_comment,
                    "StoreComment\\?itemId=7&to=14&from=41&rating=-?[035]&comment=[A-Z].*"},
        RequestCase{Interaction::sell, "/rubis_servlets/sell.html"},
        RequestCase{Interaction::select_category_to_sell, "BrowseCategories\\?" LOGIN},
        RequestCase{Interaction::sell_item_form, "SellItemForm\\?user=41&category=1?[0-9]"},
        RequestCase{
            Interaction::register_item,
            "RegisterItem\\?name=RUBiS\\+automatically\\+generated\\+item\\+%23[0-9]+&description=%3C?.*&"
            "initialPrice=[0-9]+\\.0&reservePrice=[0-9]+\\.0&buyNow=[0-9]+\\.0&duration=[1-7]&"
            "quantity=(10|[1-9])&userId=41&categoryId=1?[0-9]"},
        RequestCase{Interaction::about_me_auth, "/rubis_servlets/about_me.html"},
        RequestCase{Interaction::about_me, "AboutMe\\?" LOGIN}),
    [](const auto& test) {
      return std::string(kInteractionNames[static_cast<std::size_t>(test.param.interaction)]);
    });
#undef LOGIN

/// The value of a parameter, undecoded.
std::string value_of(const std::string& target, const std::string& name) {
  const auto at = target.find(name + "=");
  if (at == std::string::npos) return "none";
  const auto start = at + name.size() + 1;
  return target.substr(start, target.find('&', start) - start);
}

TEST(RubisRequests, SendMinusOneForWhatIsNotThere) {
  const PageFacts none;
  EXPECT_EQ(request(Interaction::view_bid_history, none), kServlet + "ViewBidHistory?itemId=-1");
  EXPECT_THAT(request(Interaction::put_comment, none), StartsWith(kServlet + "PutComment?itemId=-1&to=-1&"));
  EXPECT_THAT(request(Interaction::store_comment, none),
              StartsWith(kServlet + "StoreComment?itemId=-1&to=-1&"));
  const auto bid = request(Interaction::store_bid, none);
  EXPECT_EQ(value_of(bid, "minBid"), "-1.0");
  EXPECT_EQ(value_of(bid, "maxQty"), "1");
  EXPECT_EQ(value_of(request(Interaction::search_in_category, none), "page"), "0");
}

TEST(RubisRequests, StepBackWithoutAnItemOrUser) {
  const PageFacts none;
  for (const auto interaction : {Interaction::view_item, Interaction::put_bid, Interaction::view_user})
    EXPECT_EQ(request(interaction, none), "step back");
}

TEST(RubisRequests, RememberTheLastItemAndUser) {
  Shopper shopper;
  Random random{1};
  const auto send = [&](Interaction interaction, const PageFacts& facts) {
    return request_for(interaction, facts, kShop, shopper, random).value_or("step back");
  };
  send(Interaction::put_bid_auth, item_page());
  EXPECT_EQ(send(Interaction::view_item, {}), kServlet + "ViewItem?itemId=7");
  EXPECT_EQ(send(Interaction::view_user, {}), "step back") << "no request used a user of that page";
  send(Interaction::view_user, item_page());
  EXPECT_EQ(send(Interaction::view_user, {}), kServlet + "ViewUserInfo?userId=12");
}

TEST(RubisRequests, ChooseBetweenTwoPages) {
  auto facts = item_page();
  facts.pages[1] = 5;
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    seen.insert(value_of(request(Interaction::search_in_region, facts, seed), "page"));
  EXPECT_THAT(seen, ElementsAre("3", "5"));
}

TEST(RubisRequests, BidAboveTheMinimumAndTwiceAsMuchAtMost) {
  auto facts = item_page();
  facts.max_qty = 4;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto bid = request(Interaction::store_bid, facts, seed);
    const double more = std::stod(value_of(bid, "bid")) - 13.5;
    EXPECT_GE(more, 1);
    EXPECT_LE(more, 10);
    EXPECT_EQ(std::stod(value_of(bid, "maxBid")), 13.5 + 2 * more);
    EXPECT_LE(std::stoi(value_of(bid, "qty")), 4);
    EXPECT_GE(std::stoi(value_of(bid, "qty")), 1);
  }
}

TEST(RubisRequests, RegisterUsersBeyondTheShopsInTheRegionOfTheirNumber) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto target = request(Interaction::register_user, {}, seed);
    const auto number = std::stoul(value_of(target, "firstname").substr(5));
    EXPECT_GT(number, kShop.users);
    EXPECT_LE(number, kShop.users + 1'000'000);
    EXPECT_EQ(value_of(target, "region"), java_url_encode(regions()[number % regions().size()]));
    EXPECT_EQ(value_of(target, "email"),
              "Great" + std::to_string(number) + ".User" + std::to_string(number) + "%40rubis.com");
  }
}

TEST(RubisRequests, SellItemsWithRubisProportions) {
  int reserved = 0, at_once = 0, single = 0;
  constexpr int kItems = 4000;
  for (std::uint64_t seed = 0; seed < kItems; ++seed) {
    const auto target = request(Interaction::register_item, {}, seed);
    ASSERT_LT(target.size(), 1800u);
    const double initial = std::stod(value_of(target, "initialPrice"));
    const double reserve = std::stod(value_of(target, "reservePrice"));
    const double buy_now = std::stod(value_of(target, "buyNow"));
    ASSERT_TRUE(initial >= 1 && initial <= 5000);
    ASSERT_TRUE(reserve == 0 || (reserve >= initial && reserve < initial + 1000));
    ASSERT_TRUE(buy_now == 0 || (buy_now >= initial + reserve && buy_now < initial + reserve + 1000));
    reserved += reserve > 0;
    at_once += buy_now > 0;
    single += value_of(target, "quantity") == "1";
  }
  EXPECT_NEAR(reserved, 0.4 * kItems, 0.03 * kItems);
  EXPECT_NEAR(at_once, 0.1 * kItems, 0.02 * kItems);
  EXPECT_NEAR(single, 0.82 * kItems, 0.03 * kItems) << "one of 1..10 as well";
}

TEST(RubisRequests, NeverSayTheWordsThatPagesAreJudgedBy) {
  for (const auto interaction : {Interaction::register_item, Interaction::store_comment})
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      const auto target = request(interaction, item_page(), seed);
      ASSERT_EQ(target.find("ERROR"), std::string::npos);
      ASSERT_EQ(target.find("Sorry"), std::string::npos);
    }
}

TEST(JavaEncoding, IsThatOfUrlEncoder) {
  EXPECT_EQ(java_url_encode("MA--Boston "), "MA--Boston+");
  EXPECT_EQ(java_url_encode("Tom's <b>*_.-~ & 1+1=2%\xc3\xa9"),
            "Tom%27s+%3Cb%3E*_.-%7E+%26+1%2B1%3D2%25%C3%A9");
}

TEST(JavaFloat, IsPrintedAsRubisSendsIt) {
  EXPECT_EQ(java_float(0), "0.0");
  EXPECT_EQ(java_float(-1), "-1.0");
  EXPECT_EQ(java_float(123), "123.0");
  EXPECT_EQ(java_float(12.34F), "12.34");
  EXPECT_EQ(java_float(0.001F), "0.001");
  EXPECT_EQ(java_float(0.0005F), "5.0E-4");
  EXPECT_EQ(java_float(9'999'999), "9999999.0");
  EXPECT_EQ(java_float(1e7F), "1.0E+7");
  EXPECT_EQ(java_float(1.25e10F), "1.25E+10");
}

TEST(Regions, AreThoseOfTheFileWithBostonsBlank) {
  ASSERT_EQ(regions().size(), 62u);
  EXPECT_EQ(regions().front(), "AZ--Phoenix");
  EXPECT_EQ(regions()[23], "MA--Boston ");
  EXPECT_EQ(regions().back(), "WI--Milwaukee");
}

}  // namespace
}  // namespace sluice::loadgen
