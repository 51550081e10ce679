#include "tests/unit/auction_web/shop_fixture.hpp"

/// Walks the shop as RUBiS' client does, which finds its next URL in the page by searching for substrings.
namespace sluice::auction::web::test {
namespace {

class RubisContract : public ShopTest {
 protected:
  RubisContract() : ShopTest(true) {}
  Reply get(const std::string& target) { return browser().get(target); }
};

const std::string kHtml = "/rubis_servlets/";
const std::string kServlet = "/rubis_servlets/servlet/edu.rice.rubis.servlets.";

TEST_F(RubisContract, BrowseSearchItemBid) {
  EXPECT_EQ(get(kHtml + "index.html").status, 200U);
  const Reply list = get(kServlet + "SearchItemsByCategory?category=1&categoryName=x&page=0&nbOfItems=20");
  EXPECT_TRUE(list.has("itemId=5\"")) << list.body;
  const Reply item = get(kServlet + "ViewItem?itemId=5");
  EXPECT_TRUE(item.has("to=2&itemId=5\"")) << item.body;
  const Reply bid = get(kServlet + "PutBid?itemId=5&nickname=user1&password=password1");
  EXPECT_TRUE(bid.has("<input type=hidden name=minBid value=10.00>")) << bid.body;
  const Reply stored =
      get(kServlet + "StoreBid?itemId=5&userId=0&minBid=10.0&maxQty=1&bid=12.0&maxBid=14.0&qty=1");
  EXPECT_FALSE(stored.has("ERROR")) << stored.body;
  EXPECT_EQ(store_->data.items[kLamp].highest_bid, Cents{1200});
}

TEST_F(RubisContract, PeopleBidAfterLogin) {
  Browser person = browser();
  person.log_in("user1", "password1");
  const Reply form = person.get("/bid?itemId=5");
  const Reply placed = person.submit(form, "/bid", "itemId=5&bid=12.50");
  EXPECT_EQ(placed.status, 303U) << placed.body;
  EXPECT_TRUE(person.get("/item?itemId=5").has("You are the highest bidder"));
}

}  // namespace
}  // namespace sluice::auction::web::test
