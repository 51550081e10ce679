#include <set>

#include "apps/auction/web/routes.hpp"
#include "tests/unit/auction_web/rubis_page.hpp"
#include "tests/unit/auction_web/shop_fixture.hpp"

/// Walks the shop as RUBiS' client does, which finds its next URL in the page by searching for substrings.
namespace sluice::auction::web::test {
namespace {

using std::to_string;

const std::string kHtml = "/rubis_servlets/";
const std::string kServlet = "/rubis_servlets/servlet/edu.rice.rubis.servlets.";
const std::string kMe = "&nickname=user1&password=password1";

class RubisContract : public ShopTest {
 protected:
  RubisContract() : ShopTest(true) {}

  RubisPage fetch(const std::string& target) {
    const Reply reply = browser().get(target);
    EXPECT_EQ(reply.status, 200U) << target;
    last_ = reply.interaction;
    visited_.insert(reply.interaction);
    return RubisPage{reply.body};
  }
  /// A page of which the client asks nothing but that it did not fail.
  RubisPage good(const std::string& target, Interaction interaction) {
    RubisPage page = fetch(target);
    EXPECT_EQ(last_, interaction) << target;
    EXPECT_FALSE(page.has("ERROR")) << target << page.body();
    EXPECT_FALSE(page.has("Sorry")) << target;
    EXPECT_GE(page.images().size(), 1U) << target;  // the logo
    for (const std::string& image : page.images()) {
      EXPECT_EQ(browser().get(image).status, 200U) << image;  // absolute, and there
    }
    return page;
  }
  RubisPage flagged(const std::string& target) {
    RubisPage page = fetch(target);
    EXPECT_TRUE(page.has("<title>RUBiS ERROR: ")) << target;
    return page;
  }
  RubisPage message(const std::string& target) {
    RubisPage page = fetch(target);
    EXPECT_FALSE(page.has("ERROR")) << target;
    EXPECT_FALSE(page.has("Sorry")) << target;
    return page;
  }
  /// Ids are numbers of that item only, in every link of a page about it.
  static void expect_all(const RubisPage& page, std::string_view marker, long wanted) {
    const auto numbers = page.numbers(marker);
    EXPECT_FALSE(numbers.empty()) << marker;
    for (const long number : numbers) EXPECT_EQ(number, wanted) << marker;
  }

  Interaction last_{};
  std::set<Interaction> visited_;
};

TEST_F(RubisContract, StaticPages) {
  good(kHtml + "index.html", Interaction::home);
  good(kHtml + "register.html", Interaction::register_form);
  good(kHtml + "browse.html", Interaction::browse);
  good(kHtml + "sell.html", Interaction::sell);
  good(kHtml + "about_me.html", Interaction::about_me_auth);
}

TEST_F(RubisContract, RegisterUser) {
  const std::string query =
      "RegisterUser?firstname=Great9&lastname=User9&nickname=user9&email=Great9.User9%40rubis.com&password="
      "password9"
      "&region=MA--Boston+";
  good(kServlet + query, Interaction::register_user);
  EXPECT_EQ(store_->data.users.rbegin()->second.nickname, "user9");
  EXPECT_EQ(store_->data.users.rbegin()->second.region, 2);
  flagged(kServlet + query);  // the nickname is taken now
  flagged(kServlet + "RegisterUser?firstname=Great8");
  flagged(kServlet + "RegisterUser?firstname=a&lastname=b&nickname=c&email=d%40e&password=f&region=Atlantis");
}

TEST_F(RubisContract, Categories) {
  const RubisPage all = good(kServlet + "BrowseCategories", Interaction::browse_categories);
  EXPECT_TRUE(all.has("category=3\""));
  const RubisPage regions = good(kServlet + "BrowseRegions", Interaction::browse_regions);
  EXPECT_TRUE(regions.has("region=MA--Boston+\""));
  const RubisPage local =
      good(kServlet + "BrowseCategories?region=MA--Boston+", Interaction::browse_categories_in_region);
  EXPECT_TRUE(local.has("region=2&category=3\""));
  message(kServlet + "BrowseCategories?region=Atlantis");
}

TEST_F(RubisContract, SearchesListItemsAndPages) {
  for (const auto& [target, interaction] :
       {std::pair{"SearchItemsByCategory?category=1&categoryName=Antiques",
                  Interaction::search_items_in_category},
        std::pair{"SearchItemsByRegion?region=2&category=1&categoryName=x",
                  Interaction::search_items_in_region}}) {
    const std::string search = kServlet + target;
    const RubisPage first = good(search + "&page=0&nbOfItems=1", interaction);
    EXPECT_EQ(first.numbers("itemId="), (std::vector<long>{kCups, kCups}));  // the one that ends first
    EXPECT_EQ(first.numbers("&page="), std::vector<long>{1});
    EXPECT_TRUE(first.has("&page=1&nbOfItems=1\""));
    EXPECT_EQ(first.images().size(), 2U);  // logo and one bid button
    const RubisPage second = good(search + "&page=1&nbOfItems=1", interaction);
    EXPECT_EQ(second.numbers("&page="), (std::vector<long>{0, 2}));
    const RubisPage behind = fetch(search + "&page=2&nbOfItems=1");
    EXPECT_TRUE(behind.has("Sorry"));
    EXPECT_EQ(behind.numbers("&page="), std::vector<long>{1});
    EXPECT_TRUE(
        good(search, interaction).has("&page=1&nbOfItems=25\""));  // always a next page, and the defaults
  }
}

TEST_F(RubisContract, EmptyAndWrongSearches) {
  EXPECT_TRUE(fetch(kServlet + "SearchItemsByCategory?category=0&page=0&nbOfItems=20").has("Sorry"));
  EXPECT_TRUE(fetch(kServlet + "SearchItemsByRegion?region=0&category=0&page=0&nbOfItems=20").has("Sorry"));
  flagged(kServlet + "SearchItemsByCategory?page=0");
  flagged(kServlet + "SearchItemsByRegion?region=1");
  flagged(kServlet + "SearchItemsByCategory?category=1&page=x");
}

TEST_F(RubisContract, ViewItem) {
  const RubisPage page = good(kServlet + "ViewItem?itemId=6", Interaction::view_item);
  expect_all(page, "itemId=", kCups);
  EXPECT_EQ(page.first_number("userId="), 2);
  EXPECT_EQ(page.first_number("to="), 2);
  EXPECT_TRUE(page.has("to=2&itemId=6\""));
  EXPECT_EQ(page.images().size(), 3U);  // logo, bid now, buy it now
  EXPECT_TRUE(page.numbers("&page=").empty());
  EXPECT_EQ(good(kServlet + "ViewItem?itemId=5", Interaction::view_item).images().size(), 2U);
  EXPECT_TRUE(message(kServlet + "ViewItem?itemId=99").has("This item does not exist!"));
  message(kServlet + "ViewItem?itemId=-1");
  flagged(kServlet + "ViewItem");
}

TEST_F(RubisContract, UsersAndHistory) {
  good(kServlet + "ViewUserInfo?userId=2", Interaction::view_user_info);
  message(kServlet + "ViewUserInfo?userId=99");
  message(kServlet + "ViewUserInfo?userId=0");
  flagged(kServlet + "ViewUserInfo");
  const RubisPage none = good(kServlet + "ViewBidHistory?itemId=5", Interaction::view_bid_history);
  EXPECT_TRUE(none.has("There is no bid corresponding to this item"));
  fetch(kServlet + "StoreBid?itemId=5&userId=1&minBid=10.0&maxQty=1&bid=12.0&maxBid=14.0&qty=1");
  const RubisPage some = good(kServlet + "ViewBidHistory?itemId=5", Interaction::view_bid_history);
  EXPECT_EQ(some.first_number("userId="), 1);
  message(kServlet + "ViewBidHistory?itemId=99");
  flagged(kServlet + "ViewBidHistory");
}

TEST_F(RubisContract, BidChain) {
  const RubisPage item = good(kServlet + "ViewItem?itemId=6", Interaction::view_item);
  const std::string id = to_string(*item.first_number("itemId="));
  good(kServlet + "PutBidAuth?itemId=" + id, Interaction::put_bid_auth);
  const RubisPage form = good(kServlet + "PutBid?itemId=" + id + kMe, Interaction::put_bid);
  expect_all(form, "itemId=", kCups);
  EXPECT_EQ(form.first_number("userId="), 2);
  EXPECT_EQ(form.first_number("to="), 2);
  EXPECT_TRUE(form.has("<input type=hidden name=userId value=1>"));
  EXPECT_TRUE(form.has("<input type=hidden name=itemId value=6>"));
  EXPECT_EQ(form.first_number("name=maxQty value="), 4);
  const float minimum = *form.first_float("name=minBid value=");
  EXPECT_EQ(minimum, 5.0F);
  // userId is the id less one, and may be 0; floats come as Java prints them.
  const std::string bid = kServlet + "StoreBid?itemId=" + id + "&userId=0&minBid=5.0&maxQty=4";
  good(bid + "&bid=8.0&maxBid=11.0&qty=4", Interaction::store_bid);
  EXPECT_EQ(store_->data.items[kCups].highest_bid, Cents{800});
  good(bid + "&bid=1.0E+3&maxBid=1.0E4&qty=1", Interaction::store_bid);
  EXPECT_EQ(store_->data.items[kCups].highest_bid, Cents{100'000});
}

TEST_F(RubisContract, BidThatComesTooLateIsAnOrdinaryPage) {
  const std::string bid = "StoreBid?userId=1&minBid=5.0&maxQty=4&bid=6.0&maxBid=7.0&qty=1&itemId=";
  good(kServlet + bid + "6", Interaction::store_bid);
  const RubisPage late = good(kServlet + bid + "6", Interaction::store_bid);
  EXPECT_TRUE(late.has("You have been outbid: the next bid has to be at least $7.00."));
  EXPECT_TRUE(good(kServlet + bid + "7", Interaction::store_bid).has("This auction has ended"));
  EXPECT_EQ(store_->data.items[kCups].highest_bid, Cents{600});
  // More than are left, though the form once said otherwise.
  good(kServlet + "StoreBid?itemId=5&userId=1&minBid=5.0&maxQty=9&bid=20.0&maxBid=20.0&qty=9",
       Interaction::store_bid);
  EXPECT_FALSE(store_->data.items[kLamp].highest_bid);
}

TEST_F(RubisContract, BidsThatRubisFlags) {
  const std::string bid = kServlet + "StoreBid?itemId=5&userId=1&maxQty=1";
  flagged(bid + "&minBid=10.0&bid=12.0&maxBid=14.0&qty=2");
  flagged(bid + "&minBid=10.0&bid=9.0&maxBid=14.0&qty=1");
  flagged(bid + "&minBid=10.0&bid=12.0&maxBid=11.0&qty=1");
  flagged(bid + "&minBid=10.0&bid=12.0&maxBid=14.0");
  flagged(bid + "&minBid=10.0&bid=nan&maxBid=14.0&qty=1");
  flagged(kServlet + "StoreBid?itemId=99&userId=1&minBid=10.0&maxQty=1&bid=12.0&maxBid=14.0&qty=1");
  flagged(kServlet + "StoreBid?itemId=5&minBid=10.0&maxQty=1&bid=12.0&maxBid=14.0&qty=1");
  flagged(kServlet + "PutBid?itemId=5&nickname=user1&password=wrong");
  flagged(kServlet + "PutBid?itemId=5");
  flagged(kServlet + "PutBid?itemId=99" + kMe);
  flagged(kServlet + "PutBidAuth");
  EXPECT_EQ(store_->data.items[kLamp].bids, 0);
}

TEST_F(RubisContract, BuyChain) {
  good(kServlet + "BuyNowAuth?itemId=6", Interaction::buy_now_auth);
  const RubisPage form = good(kServlet + "BuyNow?itemId=6" + kMe, Interaction::buy_now);
  EXPECT_EQ(form.first_number("userId="), 2);
  EXPECT_TRUE(form.has("to=2&itemId=6\""));
  EXPECT_TRUE(form.has("<input type=hidden name=userId value=1>"));
  EXPECT_TRUE(form.has("<input type=hidden name=itemId value=6>"));
  EXPECT_EQ(form.first_number("name=maxQty value="), 4);
  const std::string buy = kServlet + "StoreBuyNow?itemId=6&userId=0&maxQty=4&qty=";
  good(buy + "3", Interaction::store_buy_now);
  EXPECT_EQ(store_->data.items[kCups].quantity, 1);
  good(buy + "3", Interaction::store_buy_now);  // more than there are: told so, not flagged
  EXPECT_EQ(store_->data.items[kCups].quantity, 1);
  good(buy + "1", Interaction::store_buy_now);
  EXPECT_EQ(store_->data.items[kCups].quantity, 0);
  good(kServlet + "StoreBuyNow?itemId=5&userId=0&maxQty=1&qty=1",
       Interaction::store_buy_now);  // has no fixed price
  flagged(buy + "5");
  flagged(kServlet + "StoreBuyNow?itemId=99&userId=0&maxQty=1&qty=1");
  flagged(kServlet + "BuyNow?itemId=6&nickname=nobody&password=x");
  flagged(kServlet + "BuyNowAuth");
}

TEST_F(RubisContract, CommentChain) {
  good(kServlet + "PutCommentAuth?itemId=5&to=2", Interaction::put_comment_auth);
  const RubisPage form = good(kServlet + "PutComment?itemId=5&to=2" + kMe, Interaction::put_comment);
  EXPECT_EQ(form.first_number("name=to value="), 2);
  EXPECT_TRUE(form.has("<input type=hidden name=from value=1>"));
  EXPECT_TRUE(form.has("<input type=hidden name=itemId value=5>"));
  EXPECT_TRUE(form.numbers("itemId=").empty());
  const std::string comment = kServlet + "StoreComment?itemId=5&to=2&from=0&rating=";
  for (const char* rating : {"-5", "-3", "0", "3", "5"}) {
    good(comment + rating + "&comment=This+is+it%3Cbr%3E%27", Interaction::store_comment);
  }
  EXPECT_EQ(store_->data.comments.size(), 5U);
  good(kServlet + "StoreComment?itemId=-1&to=-1&from=0&rating=0&comment=x", Interaction::store_comment);
  good(kServlet + "PutComment?itemId=-1&to=-1" + kMe, Interaction::put_comment);
  flagged(comment + "6&comment=x");
  flagged(comment + "5");
  flagged(kServlet + "PutComment?itemId=5&to=2&nickname=user1&password=x");
  flagged(kServlet + "PutCommentAuth?itemId=5");
}

TEST_F(RubisContract, SellChain) {
  const RubisPage list = good(kServlet + "BrowseCategories?nickname=user1&password=password1",
                              Interaction::select_category_to_sell_item);
  EXPECT_TRUE(list.has("SellItemForm?category=2&user=1\""));
  message(kServlet + "BrowseCategories?nickname=user1&password=wrong");
  const RubisPage form = good(kServlet + "SellItemForm?category=2&user=0", Interaction::sell_item_form);
  EXPECT_TRUE(form.has("<input type=hidden name=userId value=0>"));
  EXPECT_TRUE(form.has("<input type=hidden name=categoryId value=2>"));
  const std::string item =
      "RegisterItem?name=RUBiS+automatically+generated+item+%23100&description=%3Ch1%3Ebig%3C%2Fh1%3E+%27it%"
      "27"
      "&initialPrice=1.0E+3&reservePrice=1500.0&buyNow=0.0&quantity=1&userId=0&categoryId=0&duration=";
  good(kServlet + item + "7", Interaction::register_item);
  const Item& made = store_->data.items.rbegin()->second;
  EXPECT_EQ(made.initial_price, Cents{100'000});
  EXPECT_EQ(made.reserve_price, Cents{150'000});
  EXPECT_FALSE(made.buy_now);
  EXPECT_EQ(made.seller, 0);
  EXPECT_EQ(made.category, 0);
  good(kServlet + item + "-3", Interaction::register_item);  // how RUBiS makes old items
  EXPECT_LT(store_->data.items.rbegin()->second.ends, kNow);
  // Of a seller that does not exist.
  EXPECT_EQ(good(kServlet + "ViewItem?itemId=" + to_string(made.id), Interaction::view_item)
                .first_number("userId="),
            0);
  flagged(kServlet + item);
  flagged(kServlet + "RegisterItem?description=x");
}

TEST_F(RubisContract, AboutMe) {
  fetch(kServlet + "StoreBid?itemId=6&userId=1&minBid=5.0&maxQty=4&bid=6.0&maxBid=7.0&qty=1");
  const RubisPage page = good(kServlet + "AboutMe?nickname=user1&password=password1", Interaction::about_me);
  expect_all(page, "itemId=", kCups);
  EXPECT_TRUE(page.first_number("userId="));
  EXPECT_EQ(page.images().size(), 2U);  // logo and bid now
  message(kServlet + "AboutMe?nickname=user1&password=wrong");
  message(kServlet + "AboutMe");
}

TEST_F(RubisContract, PostsAreServedTooExceptByBrowseRegions) {
  Browser client = browser();
  const Reply reply =
      client.post(kServlet + "StoreBid", "itemId=5&userId=0&minBid=10.0&maxQty=1&bid=12.0&maxBid=14.0&qty=1");
  EXPECT_EQ(reply.status, 200U);
  EXPECT_EQ(store_->data.items[kLamp].highest_bid, Cents{1200});
  EXPECT_EQ(client.post(kServlet + "BrowseRegions", "").status, 405U);
  for (const Route& route : routes()) {
    const bool servlet = route.path.starts_with(kServlet);
    EXPECT_EQ(servlet && route.post == nullptr, route.path.ends_with("servlets.BrowseRegions")) << route.path;
  }
}

TEST_F(RubisContract, StoredTextCannotMakeMarkers) {
  const std::string nasty =
      "ERROR Sorry itemId=7777\" userId=7777\" to=7777\" &page=7777\" <IMG SRC=\"/x\" name=minBid value=x>";
  Item& item = store_->data.items[kLamp];
  item.name = item.description = item.seller_name = item.category_name = nasty;
  store_->data.users[2].nickname = store_->data.users[2].region_name = nasty;
  store_->data.categories[0].name = nasty;
  store_->data.comments.emplace_back(
      2,
      Comment{
          .id = 1, .author = 2, .nickname = nasty, .item = 5, .rating = 1, .written = kNow, .text = nasty});
  for (const std::string& target :
       {kHtml + "index.html", kServlet + "ViewItem?itemId=5", kServlet + "ViewUserInfo?userId=2",
        kServlet + "SearchItemsByCategory?category=1", kServlet + "PutBid?itemId=5" + kMe,
        kServlet + "BrowseCategories", kServlet + "ViewBidHistory?itemId=5",
        kServlet + "PutComment?itemId=5&to=2" + kMe, std::string{"/search?q=ERROR+Sorry+itemId%3D7777%22"}}) {
    const RubisPage page = fetch(target);
    EXPECT_FALSE(page.has("ERROR")) << target;
    EXPECT_FALSE(page.has("Sorry")) << target;
    for (const char* marker : {"itemId=", "userId=", "to=", "&page="}) {
      for (const long number : page.numbers(marker)) EXPECT_NE(number, 7777) << target << ' ' << marker;
    }
    for (const std::string& image : page.images()) EXPECT_TRUE(image.starts_with("/assets/")) << target;
  }
}

TEST_F(RubisContract, NoClientHasToKeepCookies) {
  Browser client = browser();
  client.get(kServlet + "PutBidAuth?itemId=5");
  client.cookies = {{"__Host-sluice", "nonsense"}, {"__Host-visit", "%%%"}};
  EXPECT_EQ(client.get(kServlet + "PutBid?itemId=5" + kMe).interaction, Interaction::put_bid);
}

class WithoutRubisClient : public ShopTest {
 protected:
  WithoutRubisClient() : ShopTest(false) {}
};

TEST_F(WithoutRubisClient, ItsWritesAreForbidden) {
  for (const char* write :
       {"StoreBid?itemId=5&userId=1&minBid=10.0&maxQty=1&bid=12.0&maxBid=14.0&qty=1",
        "StoreBuyNow?itemId=6&userId=1&maxQty=4&qty=1",
        "StoreComment?itemId=5&to=2&from=1&rating=5&comment=x",
        "RegisterUser?firstname=a&lastname=b&nickname=c&email=d%40e&password=f&region=AZ--Phoenix",
        "RegisterItem?name=x&initialPrice=1.0&duration=1&quantity=1&userId=1&categoryId=1"}) {
    EXPECT_EQ(browser().get(kServlet + write).status, 403U) << write;
  }
  EXPECT_EQ(store_->data.items[kLamp].bids, 0);
  EXPECT_EQ(store_->data.items[kCups].quantity, 4);
  EXPECT_TRUE(store_->data.comments.empty());
  EXPECT_EQ(store_->data.users.size(), 2U);
  EXPECT_EQ(store_->data.items.size(), 3U);
}

TEST_F(WithoutRubisClient, EvenALoggedInMemberWritesOnlyThroughForms) {
  Browser person = browser();
  person.log_in("user1", "password1");
  EXPECT_EQ(
      person.get(kServlet + "StoreBid?itemId=5&userId=1&minBid=10.0&maxQty=1&bid=12.0&maxBid=14.0&qty=1")
          .status,
      403U);
}

TEST_F(WithoutRubisClient, APasswordInTheUrlOpensNothing) {
  EXPECT_EQ(browser().get(kServlet + "PutBid?itemId=5" + kMe).interaction, Interaction::put_bid_auth);
  EXPECT_EQ(browser().get(kServlet + "AboutMe?nickname=user1&password=password1").interaction,
            Interaction::about_me_auth);
}

}  // namespace
}  // namespace sluice::auction::web::test
