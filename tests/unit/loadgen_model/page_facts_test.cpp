#include "loadgen/model/page_facts.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::loadgen {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PageFacts facts_of(std::string_view page) {
  Random random{1};
  return read_page(page, random);
}

TEST(PageFacts, AreAbsentFromAnEmptyPage) {
  const auto facts = facts_of("");
  EXPECT_FALSE(facts.error);
  EXPECT_FALSE(facts.sorry);
  EXPECT_EQ(facts.item_id, -1);
  EXPECT_EQ(facts.pages[0], -1);
  EXPECT_EQ(facts.pages[1], -1);
  EXPECT_EQ(facts.user_id, -1);
  EXPECT_EQ(facts.to, -1);
  EXPECT_EQ(facts.max_qty, -1);
  EXPECT_EQ(facts.min_bid, -1);
  EXPECT_EQ(facts.to_value, -1);
}

TEST(PageFacts, OfAnItemsPage) {
  const auto facts =
      facts_of(R"(<a href="ViewUserInfo?userId=12">x</a> <a href="PutCommentAuth?to=12&itemId=7">)"
               R"(<input type=hidden name=minBid value=13.5><input type=hidden name=maxQty value=3>)"
               R"(<input type=hidden name=to value=44>)");
  EXPECT_EQ(facts.user_id, 12);
  EXPECT_EQ(facts.to, 12);
  EXPECT_EQ(facts.item_id, 7);
  EXPECT_EQ(facts.min_bid, 13.5F);
  EXPECT_EQ(facts.max_qty, 3);
  EXPECT_EQ(facts.to_value, 44);
  EXPECT_FALSE(facts.error);
  EXPECT_FALSE(facts.sorry);
}

TEST(PageFacts, FindTheMarksAnywhereAndInTheirCaseOnly) {
  EXPECT_TRUE(facts_of("<title>RUBiS ERROR: x").error);
  EXPECT_TRUE(facts_of("E ER ERROR").error);
  EXPECT_FALSE(facts_of("Error error ERRO").error);
  EXPECT_TRUE(facts_of("<h2>Sorry, but there are no items").sorry);
  EXPECT_FALSE(facts_of("sorry SORRY Sorr").sorry);
}

TEST(PageFacts, PickOneOfAllItemsUniformly) {
  std::map<int, int> picked;
  Random random{1};
  for (int i = 0; i < 8000; ++i)
    ++picked[read_page("itemId=1\" itemId=2& itemId=x\" itemId=3? itemId=4>", random).item_id];
  ASSERT_EQ(picked.size(), 4u) << "the malformed one is not among them";
  for (const auto& [id, count] : picked) EXPECT_NEAR(count, 2000, 160) << id;
}

TEST(PageFacts, KeepTheFirstTwoPages) {
  const auto two = facts_of(R"(&page=1&nbOfItems=20" &page=3" &page=5")");
  EXPECT_EQ(two.pages[0], 1);
  EXPECT_EQ(two.pages[1], 3);
  const auto one = facts_of(R"(&amp;page=9" ?page=8" &page=2")");
  EXPECT_EQ(one.pages[0], 2);
  EXPECT_EQ(one.pages[1], -1);
  const auto bad = facts_of(R"(&page=x" &page=3" &page=5")");
  EXPECT_EQ(bad.pages[0], 3);
  EXPECT_EQ(bad.pages[1], -1);
}

TEST(PageFacts, TakeTheFirstOfItsKindOnly) {
  EXPECT_EQ(facts_of(R"(goto=5" to=6")").to, 5) << "any text that ends so";
  EXPECT_EQ(facts_of(R"(auto=x" to=6")").to, -1);
  EXPECT_EQ(facts_of(R"(userId=1" userId=2")").user_id, 1);
  EXPECT_EQ(facts_of("name=maxQty value=\"5\"> name=maxQty value=6>").max_qty, -1);
}

TEST(PageFacts, DoNotTakeHiddenFieldsForLinks) {
  const auto facts =
      facts_of("<input name=itemId value=7><input name=userId value=8><input name=to value=9>");
  EXPECT_EQ(facts.item_id, -1);
  EXPECT_EQ(facts.user_id, -1);
  EXPECT_EQ(facts.to, -1);
  EXPECT_EQ(facts.to_value, 9);
}

struct Number {
  const char* name;
  const char* text;
  std::int32_t expected;
};
class PageNumber : public testing::TestWithParam<Number> {};
TEST_P(PageNumber, EndsAtATerminatorOrIsAbsent) {
  EXPECT_EQ(facts_of(std::string{"userId="} + GetParam().text).user_id, GetParam().expected);
}
INSTANTIATE_TEST_SUITE_P(
    PageFacts, PageNumber,
    testing::Values(Number{"Quote", "5\"", 5}, Number{"QuestionMark", "5?", 5}, Number{"Ampersand", "5&", 5},
                    Number{"Bracket", "5>", 5}, Number{"Minus", "-7&", -7},
                    Number{"Largest", "2147483647>", 2147483647}, Number{"Overflow", "2147483648>", -1},
                    Number{"Plus", "+5>", -1}, Number{"Blank", "5 >", -1}, Number{"Empty", ">", -1},
                    Number{"NoTerminator", "5", -1}, Number{"Apostrophe", "5'>", -1},
                    Number{"Decimal", "5.0>", -1}, Number{"Hexadecimal", "0x5>", -1},
                    Number{"TooLong", "00000000000000000000000000000000000000000000000000005>", -1}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(PageFacts, TakeFiniteBidsOnly) {
  EXPECT_EQ(facts_of("name=minBid value=1.0E7>").min_bid, 1e7F);
  for (const char* text : {"nan>", "inf>", "1e99>", "x>", "\"5\">", "5", ">"})
    EXPECT_EQ(facts_of(std::string{"name=minBid value="} + text).min_bid, -1) << text;
}

TEST(Images, AreThoseOfTheExactTag) {
  const std::string page =
      R"(<IMG SRC="/a.jpg"><img src="/b.jpg"><IMG  SRC="/c.jpg"><IMG SRC="/d.jpg" HEIGHT=3><IMG SRC="/a.jpg">)";
  EXPECT_THAT(images_of(page, 10), ElementsAre("/a.jpg", "/d.jpg", "/a.jpg"));
  EXPECT_THAT(images_of(page, 2), ElementsAre("/a.jpg", "/d.jpg"));
  EXPECT_THAT(images_of(page, 0), IsEmpty());
  EXPECT_THAT(images_of(R"(<IMG SRC="/a.jpg)", 10), IsEmpty());
}

TEST(Images, AreThoseOfAnySpellingWhenAskedFor) {
  EXPECT_THAT(images_of(R"(<IMG SRC="/a"><img alt="x > y" src="/b"> <img alt="" SRC = '/c'><img src=/d >)"
                        R"(<image src="/e"><img data-src="/f"><img alt=a src="/g?x=1#top")",
                        10, true),
              ElementsAre("/a", "/c", "/d", "/g?x=1"));
}

TEST(Images, AreNeverWhatCouldNotStandInARequest) {
  for (const bool any_case : {false, true}) {
    EXPECT_THAT(
        images_of("<IMG SRC=\"/a\r\nHost: evil\"><IMG SRC=\"/a b\"><IMG SRC=\"/\x80\">", 10, any_case),
        IsEmpty());
    EXPECT_THAT(
        images_of(R"(<IMG SRC="//other.example/x"><IMG SRC="a.jpg"><IMG SRC="http://x/"><IMG SRC="">)", 10,
                  any_case),
        IsEmpty());
    EXPECT_THAT(images_of("<IMG SRC=\"/" + std::string(3000, 'a') + "\">", 10, any_case), IsEmpty());
  }
}

TEST(Refresh, IsReadInAnySpelling) {
  EXPECT_EQ(refresh_of(R"(<meta http-equiv="refresh" content="5">)"), 5u);
  EXPECT_EQ(refresh_of(R"(<META CONTENT='12; url=/x' HTTP-EQUIV=Refresh>)"), 12u);
  EXPECT_EQ(refresh_of(R"(<meta charset=utf-8><meta http-equiv=refresh content=" 3.5"/>)"), 3u);
}

TEST(Refresh, IsAbsentWhenItIsNone) {
  for (const char* page :
       {"", "<meta", "<meta >", R"(<meta name="refresh" content="5">)",
        R"(<metal http-equiv="refresh" content="5">)", R"(<meta http-equiv="refresh">)",
        R"(<meta http-equiv="refresh" content="soon">)", R"(<meta http-equiv="refresh" content="-1">)",
        R"(<meta http-equiv="refresh" content="99999999999">)"})
    EXPECT_FALSE(refresh_of(page)) << page;
}

}  // namespace
}  // namespace sluice::loadgen
