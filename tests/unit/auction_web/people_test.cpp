#include <algorithm>

#include "apps/auction/web/secrets.hpp"
#include "apps/auction/web/session.hpp"
#include "tests/unit/auction_web/shop_fixture.hpp"

/// What people do, and what others may not do in their name.
namespace sluice::auction::web::test {
namespace {

class People : public ShopTest {
 protected:
  Browser member(const std::string& number = "1") {
    Browser person = browser();
    person.log_in("user" + number, "password" + number);
    return person;
  }
};

TEST_F(People, LoginSetsACookieThatOnlyTheServerSees) {
  Browser person = browser();
  const Reply reply = person.submit(person.get("/login"), "/login", "nickname=user1&password=password1");
  EXPECT_EQ(reply.status, 303U);
  EXPECT_EQ(reply.location, "/me");
  const auto cookie = std::find_if(reply.cookies.begin(), reply.cookies.end(), [](const std::string& each) {
    return each.starts_with("__Host-sluice=");
  });
  ASSERT_NE(cookie, reply.cookies.end());
  for (const char* attribute : {"; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"}) {
    EXPECT_NE(cookie->find(attribute), std::string::npos) << attribute;
  }
  EXPECT_EQ(cookie->find("Domain"), std::string::npos);
  // The database holds the digest of the secret, not the secret.
  const auto secret = from_base64url(person.cookies["__Host-sluice"]);
  ASSERT_TRUE(secret);
  EXPECT_TRUE(store_->data.logins.contains(sha256(*secret)));
  EXPECT_TRUE(person.get("/me").has("My account"));
}

TEST_F(People, EachLoginHasANewSecret) {
  Browser person = member();
  const std::string before = person.cookies["__Host-sluice"];
  person.submit(person.get("/bid?itemId=5"), "/login", "nickname=user1&password=password1");
  EXPECT_NE(person.cookies["__Host-sluice"], before);
  EXPECT_EQ(store_->data.logins.size(), 1U);  // the one before has ended
}

TEST_F(People, UnknownNamesAndWrongPasswordsLookTheSame) {
  Browser person = browser();
  const Reply wrong = person.submit(person.get("/login"), "/login", "nickname=user1&password=wrong");
  const Reply unknown = person.submit(person.get("/login"), "/login", "nickname=user9&password=wrong");
  EXPECT_EQ(wrong.status, unknown.status);
  const auto without_name = [](std::string body) {
    return body.replace(body.find("value=\"user") + 11, 1, "?");
  };
  EXPECT_EQ(without_name(wrong.body), without_name(unknown.body));
  EXPECT_TRUE(store_->data.logins.empty());
}

TEST_F(People, LogoutEndsTheLoginInTheDatabase) {
  Browser person = member();
  const Browser copy = person;
  EXPECT_EQ(person.post("/logout", "csrf=" + input_value(person.get("/logout").body, "csrf")).status, 303U);
  EXPECT_FALSE(person.cookies.contains("__Host-sluice"));
  EXPECT_TRUE(store_->data.logins.empty());
  Browser thief = copy;
  EXPECT_EQ(thief.get("/me").interaction, Interaction::about_me_auth);
}

TEST_F(People, LogoutEverywhereEndsOtherBrowsersToo) {
  Browser one = member();
  Browser two = member();
  one.post("/logout/everywhere", "csrf=" + input_value(one.get("/me").body, "csrf"));
  EXPECT_EQ(two.get("/me").interaction, Interaction::about_me_auth);
}

TEST_F(People, LoginsExpire) {
  Browser person = member();
  for (auto& [key, login] : store_->data.logins) login.expires = kNow;
  EXPECT_EQ(person.get("/me").interaction, Interaction::about_me_auth);
}

TEST_F(People, AfterLoginTheyGoOnWhereTheyWere) {
  Browser person = browser();
  const Reply form = person.get("/bid?itemId=5");
  EXPECT_EQ(form.interaction, Interaction::put_bid_auth);
  EXPECT_TRUE(form.has("name=\"return\" value=\"/bid?itemId&#61;5\""));
  const Reply reply =
      person.submit(form, "/login", "nickname=user1&password=password1&return=%2Fbid%3FitemId%3D5");
  EXPECT_EQ(reply.location, "/bid?itemId=5");
}

class OpenRedirect : public People, public testing::WithParamInterface<const char*> {};
TEST_P(OpenRedirect, LeadsNowhereElse) {
  Browser person = browser();
  const std::string body = std::string{"nickname=user1&password=password1&return="} + GetParam();
  EXPECT_EQ(person.submit(person.get("/login"), "/login", body).location, "/me");
}
INSTANTIATE_TEST_SUITE_P(People, OpenRedirect,
                         testing::Values("%2F%2Fevil.example", "https%3A%2F%2Fevil.example",
                                         "%2F%5Cevil.example", "%2F%0D%0ASet-Cookie%3Ax", "javascript%3Ax",
                                         "%2F%09%2Fevil.example"));

TEST_F(People, TheirPasswordIsHashedAnewWhenTheCostRose) {
  const std::string weak = hash_password("password1", {.memory_kib = 16, .passes = 1});
  store_->data.hashes[1] = weak;
  member();
  EXPECT_NE(store_->data.hashes[1], weak);
  EXPECT_TRUE(verify_password("password1", store_->data.hashes[1]));
}

TEST_F(People, TriesAreLimitedButTheOwnersBrowserStillGetsIn) {
  Browser owner = member();
  owner.cookies.erase("__Host-sluice");  // the login is over, but the browser is known
  const auto try_from = [](Browser& who, const std::string& password) {
    return who.submit(who.get("/login"), "/login", "nickname=user1&password=" + password);
  };
  Browser attacker = browser();
  unsigned status = 200;
  for (int i = 0; i < 20 && status != 429; ++i) status = try_from(attacker, "guess").status;
  EXPECT_EQ(status, 429U);
  const Reply refused = try_from(attacker, "password1");
  EXPECT_EQ(refused.status, 429U) << "even the right one";
  EXPECT_TRUE(refused.fields.contains("Retry-After"));
  EXPECT_NE(app_->metrics().find("logins_refused_total{by=\"account\"} 2"), std::string::npos);
  EXPECT_EQ(try_from(owner, "password1").status, 303U);
}

// --- Posts that no page of ours sent
// ---------------------------------------------------------------------------

struct Forgery {
  const char* name;
  std::string field, value;
  unsigned status;
};
class Forged : public People, public testing::WithParamInterface<Forgery> {};
TEST_P(Forged, IsRefused) {
  Browser person = member();
  const Reply form = person.get("/bid?itemId=5");
  person.extra_fields[GetParam().field] = GetParam().value;
  EXPECT_EQ(person.submit(form, "/bid", "itemId=5&bid=12.00").status, GetParam().status);
  EXPECT_EQ(store_->data.items[kLamp].bids, 0);
}
INSTANTIATE_TEST_SUITE_P(
    People, Forged,
    testing::Values(Forgery{"OtherOrigin", "Origin", "https://evil.example", 403},
                    Forgery{"PlainHttpOrigin", "Origin", "http://shop.example:8443", 403},
                    Forgery{"CrossSite", "Sec-Fetch-Site", "cross-site", 403},
                    Forgery{"SameSite", "Sec-Fetch-Site", "same-site", 403},
                    Forgery{"Text", "Content-Type", "text/plain", 415},
                    Forgery{"Multipart", "Content-Type", "multipart/form-data; boundary=x", 415},
                    Forgery{"NoType", "Content-Type", "", 415}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(People, PostsNeedTheTokenOfTheirOwnLogin) {
  Browser person = member();
  Browser other = member("2");
  const std::string theirs = input_value(other.get("/logout").body, "csrf");
  for (const std::string& token : {std::string{}, std::string{"x"}, theirs}) {
    EXPECT_EQ(person.post("/bid", "itemId=5&bid=12.00&csrf=" + token).status, 403U);
    EXPECT_EQ(person.post("/logout", "csrf=" + token).status, 403U);
    EXPECT_EQ(person.post("/sell", "name=x&csrf=" + token).status, 403U);
  }
  EXPECT_EQ(store_->data.items[kLamp].bids, 0);
  EXPECT_EQ(store_->data.logins.size(), 2U);
}

TEST_F(People, FormsWithoutALoginNeedTheTokenOfTheVisit) {
  Browser person = browser();
  EXPECT_EQ(person.post("/login", "nickname=user1&password=password1").status, 403U);
  EXPECT_EQ(person.post("/register", "nickname=x").status, 403U);
  const Reply form = person.get("/login");
  person.cookies.clear();  // the token without its cookie
  EXPECT_EQ(person.submit(form, "/login", "nickname=user1&password=password1").status, 403U);
}

TEST_F(People, OldBrowsersSendNeitherOriginNorSite) {
  Browser person = member();
  const Reply form = person.get("/bid?itemId=5");
  person.extra_fields = {{"Origin", ""}, {"Sec-Fetch-Site", ""}};
  EXPECT_EQ(person.submit(form, "/bid", "itemId=5&bid=12.00").status, 303U);
}

TEST_F(People, NothingChangesByGet) {
  Browser person = member();
  person.get("/bid?itemId=5&bid=12.00");
  person.get("/logout");
  EXPECT_EQ(person.get("/logout/everywhere").status, 405U);
  EXPECT_EQ(store_->data.items[kLamp].bids, 0);
  EXPECT_EQ(store_->data.logins.size(), 1U);
}

// --- Bidding
// ---------------------------------------------------------------------------------------------------

TEST_F(People, BidThenSeeThatTheyLead) {
  Browser person = member();
  const Reply form = person.get("/bid?itemId=5");
  EXPECT_EQ(input_value(form.body, "bid"), "");
  EXPECT_TRUE(form.has("value=\"10.00\""));  // the minimum is filled in
  const Reply placed = person.submit(form, "/bid", "itemId=5&bid=12.50");
  EXPECT_EQ(placed.status, 303U);
  EXPECT_EQ(placed.location, "/item?itemId=5");
  EXPECT_TRUE(person.get("/item?itemId=5").has("You are the highest bidder"));
  EXPECT_TRUE(person.get("/me").has("winning"));
}

TEST_F(People, AreToldHowAnAuctionEndedForThem) {
  Browser first = member();
  store_->data.bids[kEnded] = {
      Bid{.id = 1, .user = 1, .nickname = "user1", .quantity = 1, .amount = {}, .placed = kNow}};
  store_->data.items[kEnded].bids = 1;
  EXPECT_TRUE(first.get("/item?itemId=7").has("You won this auction"));
  store_->data.bids[kEnded].front().user = 2;
  EXPECT_FALSE(first.get("/item?itemId=7").has("You won this auction"));
  store_->data.bids[kEnded].push_back(
      Bid{.id = 0, .user = 1, .nickname = "user1", .quantity = 1, .amount = {}, .placed = kNow});
  EXPECT_TRUE(first.get("/item?itemId=7").has("This auction went to somebody else"));
}

TEST_F(People, SubmittingTwiceCountsOnce) {
  Browser person = member();
  const Reply form = person.get("/bid?itemId=5");
  EXPECT_EQ(person.submit(form, "/bid", "itemId=5&bid=12.00").status, 303U);
  EXPECT_EQ(person.submit(form, "/bid", "itemId=5&bid=12.00").status, 303U);
  EXPECT_EQ(store_->data.items[kLamp].bids, 1);
  const Reply buy = person.get("/buy?itemId=6");
  EXPECT_EQ(person.submit(buy, "/buy", "itemId=6&qty=1").status, 303U);
  EXPECT_EQ(person.submit(buy, "/buy", "itemId=6&qty=1").status, 303U);
  EXPECT_EQ(store_->data.items[kCups].quantity, 3);
}

TEST_F(People, OutbidIsAPageWithTheNewMinimum) {
  Browser person = member();
  const Reply form = person.get("/bid?itemId=5");
  store_->data.items[kLamp].highest_bid = Cents{2000};
  const Reply late = person.submit(form, "/bid", "itemId=5&bid=12.00");
  EXPECT_EQ(late.status, 200U);
  EXPECT_TRUE(late.has("You have been outbid: the next bid has to be at least $21.00."));
  EXPECT_TRUE(late.has("value=\"21.00\""));
  EXPECT_FALSE(late.has("ERROR"));
  EXPECT_EQ(person.submit(late, "/bid", "itemId=5&bid=21.00").status, 303U);
}

TEST_F(People, IdentityIsNeverTakenFromTheForm) {
  Browser person = member();
  person.submit(person.get("/bid?itemId=5"), "/bid", "itemId=5&bid=12.00&userId=77&from=77&nickname=user2");
  ASSERT_EQ(store_->data.bids[kLamp].size(), 1U);
  EXPECT_EQ(store_->data.bids[kLamp].front().user, 1);
}

TEST_F(People, OwnItemsAreNotBidOn) {
  Browser seller = member("2");
  const Reply reply = seller.submit(seller.get("/bid?itemId=5"), "/bid", "itemId=5&bid=12.00");
  EXPECT_TRUE(reply.has("This is your own item"));
  EXPECT_EQ(store_->data.items[kLamp].bids, 0);
}

TEST_F(People, BidsAreReadStrictly) {
  Browser person = member();
  for (const char* amount :
       {"", "1e3", "-5", "%2B12", "12.345", "1,200", "12.", "0x10", "%D9%A1%D9%A2", "99999999999"}) {
    const Reply reply =
        person.submit(person.get("/bid?itemId=5"), "/bid", std::string{"itemId=5&bid="} + amount);
    EXPECT_EQ(reply.status, 200U) << amount;
    EXPECT_TRUE(reply.has("href=\"#bid\"")) << amount;
    EXPECT_TRUE(reply.has("aria-invalid=\"true\"")) << amount;
  }
  EXPECT_EQ(store_->data.items[kLamp].bids, 0);
}

TEST_F(People, StrangersAreAskedToLogIn) {
  Browser stranger = browser();
  const Reply login = stranger.get("/login");  // has a visit, and its token
  EXPECT_EQ(stranger.submit(login, "/bid", "itemId=5&bid=12.00").status, 401U);
  EXPECT_EQ(stranger.submit(login, "/sell", "name=x").status, 401U);
  EXPECT_EQ(stranger.submit(login, "/comment", "to=2&itemId=5&rating=5&comment=x").status, 401U);
  EXPECT_EQ(stranger.get("/sell").interaction, Interaction::sell);
  EXPECT_EQ(stranger.get("/buy?itemId=6").interaction, Interaction::buy_now_auth);
  EXPECT_EQ(stranger.get("/comment?to=2&itemId=5").interaction, Interaction::put_comment_auth);
}

// --- Selling, registering, feedback
// --------------------------------------------------------------------------------

TEST_F(People, RegisterAndAreLoggedIn) {
  Browser person = browser();
  const std::string fields =
      "firstname=Ada&lastname=L&email=ada%40example.com&password=correct+horse&region=MA--Boston+";
  const Reply done = person.submit(person.get("/register"), "/register", fields + "&nickname=ada");
  EXPECT_EQ(done.status, 303U);
  EXPECT_TRUE(person.get("/me").has("ada"));
  Browser second = browser();
  const Reply taken = second.submit(second.get("/register"), "/register", fields + "&nickname=ada");
  EXPECT_TRUE(taken.has("This nickname is taken"));
  EXPECT_TRUE(taken.has("value=\"Ada\""));   // what was typed is kept
  EXPECT_FALSE(taken.has("correct horse"));  // but never the password
}

TEST_F(People, SellInOneOfTheCategories) {
  Browser seller = member();
  EXPECT_EQ(seller.get("/sell").interaction, Interaction::select_category_to_sell_item);
  const Reply form = seller.get("/sell?category=2");
  const std::string good =
      "name=Novel&description=&initialPrice=3.50&reservePrice=&buyNow=9&duration=7&quantity=1&category=2";
  const Reply done = seller.submit(form, "/sell", good);
  EXPECT_EQ(done.location, "/item?itemId=8");
  const Item& item = store_->data.items[8];
  EXPECT_EQ(item.seller, 1);
  EXPECT_EQ(item.initial_price, Cents{350});
  EXPECT_EQ(item.buy_now, Cents{900});
  EXPECT_TRUE(seller.get("/item?itemId=8").has("This is your own auction"));
}

TEST_F(People, MistakesInAFormAreExplainedAtTheirFields) {
  Browser seller = member();
  const std::string bad =
      "name=&description=kept&initialPrice=1e3&reservePrice=x&buyNow=-1&duration=0&quantity=9999&category=2";
  const Reply reply = seller.submit(seller.get("/sell?category=2"), "/sell", bad);
  EXPECT_EQ(reply.status, 200U);
  for (const char* field : {"name", "initial", "reserve", "buy_now", "duration", "quantity"}) {
    EXPECT_TRUE(reply.has("href=\"#" + std::string{field} + '"')) << field;
    EXPECT_TRUE(reply.has("id=\"" + std::string{field} + '"')) << field;
    EXPECT_TRUE(reply.has("id=\"" + std::string{field} + "-note\"")) << field;
  }
  EXPECT_TRUE(reply.has(">kept</textarea>"));
  EXPECT_EQ(store_->data.items.size(), 3U);
}

TEST_F(People, LeaveFeedbackButNotAboutThemselves) {
  Browser person = member();
  const Reply form = person.get("/comment?to=2&itemId=5");
  EXPECT_EQ(person.submit(form, "/comment", "to=2&itemId=5&rating=3&comment=Fine").location,
            "/user?userId=2");
  EXPECT_TRUE(person.get("/user?userId=2").has("Fine"));
  EXPECT_TRUE(person.submit(form, "/comment", "to=1&itemId=5&rating=5&comment=Great")
                  .has("You can&#39;t rate yourself"));
  EXPECT_EQ(store_->data.comments.size(), 1U);
}

// --- Pages
// -----------------------------------------------------------------------------------------------------------

TEST_F(People, GetRealStatusCodes) {
  EXPECT_EQ(browser().get("/item?itemId=99").status, 404U);
  EXPECT_EQ(browser().get("/item").status, 400U);
  EXPECT_EQ(browser().get("/nothing").status, 404U);
  EXPECT_EQ(browser().get("/item?itemId=%ZZ").status, 400U);
  const Reply wrong = browser().post("/item", "");
  EXPECT_EQ(wrong.status, 405U);
  EXPECT_EQ(wrong.fields.at("Allow"), "GET, HEAD");
  EXPECT_EQ(browser().get("/assets/style.000000000000.css").status, 404U);
}

TEST_F(People, AreToldWhenTheDatabaseIsBroken) {
  Browser person = member();
  const Reply form = person.get("/bid?itemId=5");
  store_->data.broken = true;
  EXPECT_EQ(person.submit(form, "/bid", "itemId=5&bid=12.00").status, 503U);
  const Reply reply = browser().get("/item?itemId=5");
  EXPECT_EQ(reply.status, 503U);
  EXPECT_TRUE(reply.fields.contains("Retry-After"));
  EXPECT_FALSE(app_->not_ready().empty());
}

TEST_F(People, PagesWithTokensAreNotStored) {
  EXPECT_EQ(browser().get("/login").fields.at("Cache-Control"), "no-store");
  EXPECT_EQ(member().get("/item?itemId=5").fields.at("Cache-Control"), "no-store");
  EXPECT_EQ(browser().get("/item?itemId=5").fields.at("Cache-Control"), "no-cache");
}

TEST_F(People, TextOfOthersStaysText) {
  const std::string attack = "<script>alert(1)</script>\" onload='x'";
  Item& item = store_->data.items[kLamp];
  item.name = item.description = item.seller_name = item.category_name = attack;
  for (auto& [id, user] : store_->data.users) user.nickname = user.region_name = attack;
  store_->data.comments.emplace_back(
      2,
      Comment{
          .id = 1, .author = 1, .nickname = attack, .item = 5, .rating = 1, .written = kNow, .text = attack});
  store_->data.bids[kLamp] = {
      Bid{.id = 1, .user = 1, .nickname = attack, .quantity = 1, .amount = {}, .placed = kNow}};
  for (const char* target : {"/", "/item?itemId=5", "/bids?itemId=5", "/user?userId=2", "/search?category=1",
                             "/search?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E%22+onload%3D%27x%27",
                             "/login?return=%22%3E%3Cscript%3Ealert(1)"}) {
    const Reply reply = browser().get(target);
    EXPECT_FALSE(reply.has("<script")) << target;
    EXPECT_FALSE(reply.has("\" onload")) << target;
    EXPECT_FALSE(reply.has("onload='")) << target;
  }
  Browser person = browser();
  const Reply form = person.submit(person.get("/register"), "/register",
                                   "firstname=%22%3E%3Cscript%3E&nickname=%3Cscript%3E");
  EXPECT_FALSE(form.has("<script"));
}

TEST_F(People, NoPageHasScriptsOrInlineStyles) {
  Browser person = member();
  for (const char* target :
       {"/", "/browse", "/browse/categories", "/browse/regions", "/search?category=1", "/item?itemId=5",
        "/bids?itemId=5", "/user?userId=2", "/bid?itemId=5", "/buy?itemId=6", "/comment?to=2&itemId=5",
        "/sell", "/sell?category=1", "/me", "/logout", "/register"}) {
    const Reply reply = person.get(target);
    EXPECT_EQ(reply.status, 200U) << target;
    EXPECT_FALSE(reply.has("<script") || reply.has("style=\"") || reply.has("<style") || reply.has("onclick"))
        << target;
    EXPECT_TRUE(reply.has("<main id=\"main\"") && reply.has("lang=\"en\"") && reply.has("<h1")) << target;
  }
}

TEST_F(People, PicturesAndAssetsAreKeptForEver) {
  const Reply page = browser().get("/item?itemId=5");
  EXPECT_TRUE(page.has("src=\"/pictures/1/1/5.svg\""));
  const Reply picture = browser().get("/pictures/1/1/5.svg");
  EXPECT_EQ(picture.status, 200U);
  EXPECT_EQ(picture.body, browser().get("/pictures/1/1/5.svg").body);
  EXPECT_NE(picture.body, browser().get("/pictures/1/1/6.svg").body);
  EXPECT_NE(picture.fields.at("Cache-Control").find("immutable"), std::string::npos);
  EXPECT_EQ(browser().get("/pictures/1/0/-1.svg").status, 200U);
  EXPECT_EQ(browser().get("/pictures/1/x/5.svg").status, 404U);
  const auto at = page.body.find("/assets/style.");
  const std::string path = page.body.substr(at, page.body.find('"', at) - at);
  Browser again = browser();
  const Reply style = again.get(path);
  again.extra_fields["If-None-Match"] = style.fields.at("ETag");
  EXPECT_EQ(again.get(path).status, 304U);
}

}  // namespace
}  // namespace sluice::auction::web::test
