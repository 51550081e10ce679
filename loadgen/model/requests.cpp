#include <algorithm>
#include <array>
#include <utility>

#include "loadgen/model/rubis.hpp"

// The 27 requests, and the values that RUBiS' client makes up for them.

namespace sluice::loadgen {

namespace {

constexpr std::string_view kPages = "/rubis_servlets";
constexpr std::string_view kServlets = "/rubis_servlets/servlet/edu.rice.rubis.servlets.";

// Lengths as in RUBiS, as they decide how long requests and stored texts are.
struct Opinion {
  int rating;
  std::string_view comment;
};
constexpr std::array<Opinion, 5> kOpinions{{
    {-5, "Never again: it didn't come, and nobody answered my mail.<br>"},
    {-3, "It came late and wasn't quite what the picture had promised me.<br>"},
    {0, "It's what you'd get for the price: no bargain, but no trap either.<br>"},
    {3, "Well packed, and there sooner than I'd thought. I would buy from this seller again, any time.<br>"},
    {5, "A pleasure from start to end: honest, quick, kind. It's how all trades should be.<br>"},
}};

constexpr std::string_view kDescription =
    "<h1>A good piece for a good home</h1>It was bought new, used with care and kept <B>dry and out of the "
    "sun</B>, so that it looks today as it did on its first day.<br>There's a small scratch below, which the "
    "third picture shows; nobody will see it once it stands in its place.<br>All parts are there, and so are "
    "the manual, the box it came in and the bill of the shop.<br>It's sold because we move to a smaller flat "
    "next month and can't take everything with us.<br>You're welcome to come and look at it on any evening "
    "of "
    "the week; please write a line before, as the bell doesn't always work.<br>I'll send it by parcel within "
    "two days after the money has come, well wrapped and with a number to follow it by. Who wants to save "
    "the "
    "postage can fetch it.<br><B>Questions are answered the same day.</B> Please ask before you bid, not "
    "after: a bid is a bid.<br>As it's a private sale there's no warranty and I don't take it back, but I've "
    "described it as well as I could, and what I forgot I'll tell you if you ask.<br>Please have a look at "
    "my "
    "other offers too: there are books, some tools for the garden, a lamp, two chairs and a bicycle that "
    "only "
    "needs new tyres and a little oil on its chain.<br>Several pieces go in one parcel, so that you pay the "
    "postage just once. Many thanks "
    "for your interest, and good luck with it now!<br>";

static_assert(kOpinions[0].comment.size() == 61 && kOpinions[1].comment.size() == 67 &&
              kOpinions[2].comment.size() == 70 && kOpinions[3].comment.size() == 97 &&
              kOpinions[4].comment.size() == 85 && kDescription.size() == 1325);

class Query {
 public:
  explicit Query(std::string_view servlet) { text_.append(kServlets).append(servlet); }

  Query& add(std::string_view name, std::string_view text) { return append(name, java_url_encode(text)); }
  Query& add(std::string_view name, std::int64_t number) { return append(name, std::to_string(number)); }
  Query& add_float(std::string_view name, float number) { return append(name, java_float(number)); }
  std::string take() { return std::move(text_); }

 private:
  Query& append(std::string_view name, std::string_view value) {
    text_.append(1, separator_).append(name).append(1, '=').append(value);
    separator_ = '&';
    return *this;
  }

  std::string text_;
  char separator_ = '?';
};

/// Writes one request.
class Writer {
 public:
  Writer(const PageFacts& facts, const ShopSize& shop, Shopper& shopper, Random& random)
      : facts_(facts), shop_(shop), shopper_(shopper), random_(random) {}

  std::optional<std::string> write(Interaction interaction) {
    switch (interaction) {
      case Interaction::home: return page("/index.html");
      case Interaction::register_form: return page("/register.html");
      case Interaction::register_user: return register_user();
      case Interaction::browse: return page("/browse.html");
      case Interaction::browse_categories: return Query{"BrowseCategories"}.take();
      case Interaction::search_in_category: return search_in_category();
      case Interaction::browse_regions: return Query{"BrowseRegions"}.take();
      case Interaction::browse_categories_in_region:
        return Query{"BrowseCategories"}.add("region", regions()[any_region()]).take();
      case Interaction::search_in_region: return search_in_region();
      case Interaction::view_item: return item() < 0 ? std::nullopt : of_item("ViewItem");
      case Interaction::view_user: return view_user();
      case Interaction::view_bid_history: return of_item("ViewBidHistory");
      case Interaction::buy_now_auth: return of_item("BuyNowAuth");
      case Interaction::buy_now: return with_password(Query{"BuyNow"}.add("itemId", item()));
      case Interaction::store_buy_now: return store_buy_now();
      case Interaction::put_bid_auth: return of_item("PutBidAuth");
      case Interaction::put_bid:
        if (item() < 0) return std::nullopt;
        return with_password(Query{"PutBid"}.add("itemId", item()));
      case Interaction::store_bid: return store_bid();
      case Interaction::put_comment_auth:
        return Query{"PutCommentAuth"}.add("itemId", item()).add("to", facts_.to).take();
      case Interaction::put_comment:
        return with_password(Query{"PutComment"}.add("itemId", item()).add("to", facts_.to));
      case Interaction::store_comment: return store_comment();
      case Interaction::sell: return page("/sell.html");
      case Interaction::select_category_to_sell: return with_password(Query{"BrowseCategories"});
      case Interaction::sell_item_form:
        return Query{"SellItemForm"}.add("user", shopper_.id).add("category", any_category()).take();
      case Interaction::register_item: return register_item();
      case Interaction::about_me_auth: return page("/about_me.html");
      case Interaction::about_me: return with_password(Query{"AboutMe"});
    }
    return std::nullopt;
  }

 private:
  static std::string page(std::string_view name) { return std::string{kPages}.append(name); }

  std::optional<std::string> of_item(std::string_view servlet) {
    return Query{servlet}.add("itemId", item()).take();
  }

  std::string with_password(Query query) {
    const auto number = std::to_string(std::uint64_t{shopper_.id} + 1);
    return query.add("nickname", "user" + number).add("password", "password" + number).take();
  }

  std::string register_user() {
    const std::uint64_t id = std::uint64_t{shop_.users} + 1 + random_.below(1'000'000);
    const auto number = std::to_string(id);
    return Query{"RegisterUser"}
        .add("firstname", "Great" + number)
        .add("lastname", "User" + number)
        .add("nickname", "user" + number)
        .add("email", "Great" + number + ".User" + number + "@rubis.com")
        .add("password", "password" + number)
        .add("region", regions()[id % regions().size()])
        .take();
  }

  std::string search_in_category() {
    const auto category = any_category();
    return Query{"SearchItemsByCategory"}
        .add("category", category)
        .add("categoryName", kCategories[category])
        .add("page", any_page())
        .add("nbOfItems", shop_.items_per_page)
        .take();
  }

  std::string search_in_region() {
    const auto category = any_category();
    return Query{"SearchItemsByRegion"}
        .add("region", any_region())
        .add("category", category)
        .add("categoryName", kCategories[category])
        .add("page", any_page())
        .add("nbOfItems", shop_.items_per_page)
        .take();
  }

  std::optional<std::string> view_user() {
    if (facts_.user_id >= 0) shopper_.last_user = facts_.user_id;
    if (shopper_.last_user < 0) return std::nullopt;
    return Query{"ViewUserInfo"}.add("userId", shopper_.last_user).take();
  }

  std::string store_buy_now() {
    const auto most = max_quantity();
    const auto quantity = one_to(most);
    return Query{"StoreBuyNow"}
        .add("itemId", item())
        .add("userId", shopper_.id)
        .add("qty", quantity)
        .add("maxQty", most)
        .take();
  }

  std::string store_bid() {
    const auto most = max_quantity();
    const auto quantity = one_to(most);
    const auto more = static_cast<float>(one_to(10));
    return Query{"StoreBid"}
        .add("itemId", item())
        .add("userId", shopper_.id)
        .add_float("minBid", facts_.min_bid)
        .add("maxQty", most)
        .add_float("bid", facts_.min_bid + more)
        .add_float("maxBid", facts_.min_bid + 2 * more)
        .add("qty", quantity)
        .take();
  }

  std::string store_comment() {
    const Opinion& opinion = kOpinions[random_.below(kOpinions.size())];
    return Query{"StoreComment"}
        .add("itemId", item())
        .add("to", facts_.to_value)
        .add("from", shopper_.id)
        .add("rating", opinion.rating)
        .add("comment", some_of(opinion.comment, 2048))
        .take();
  }

  std::string register_item() {
    const std::uint64_t number = std::uint64_t{shop_.items} + 1 + random_.below(1'000'000);
    const auto description = some_of(kDescription, 8192);
    const auto initial = one_to(5000);
    const auto reserve = percent(40) ? initial + random_.below(1000) : 0;
    const auto buy_now = percent(10) ? initial + reserve + random_.below(1000) : 0;
    const auto duration = one_to(7);
    const auto quantity = percent(80) ? 1 : one_to(10);
    return Query{"RegisterItem"}
        .add("name", "RUBiS automatically generated item #" + std::to_string(number))
        .add("description", description)
        .add_float("initialPrice", static_cast<float>(initial))
        .add_float("reservePrice", static_cast<float>(reserve))
        .add_float("buyNow", static_cast<float>(buy_now))
        .add("duration", duration)
        .add("quantity", quantity)
        .add("userId", shopper_.id)
        .add("categoryId", any_category())
        .take();
  }

  /// Of the page, else the last one of this user, else -1.
  std::int32_t item() noexcept {
    if (facts_.item_id >= 0) shopper_.last_item = facts_.item_id;
    return shopper_.last_item;
  }

  std::int32_t any_page() noexcept {
    if (facts_.pages[0] < 0) return 0;
    return facts_.pages[1] < 0 ? facts_.pages[0] : facts_.pages[random_.below(2)];
  }

  /// A text of random length up to `longest` that repeats `stock`, of which RUBiS sends the last repetition.
  std::string_view some_of(std::string_view stock, std::uint32_t longest) noexcept {
    return stock.substr(0, random_.below(longest) % stock.size() + 1);
  }

  std::uint32_t max_quantity() const noexcept {
    return static_cast<std::uint32_t>(std::max(facts_.max_qty, 1));
  }
  std::uint32_t one_to(std::uint32_t most) noexcept { return random_.below(most) + 1; }
  bool percent(std::uint32_t share) noexcept { return random_.below(100) < share; }
  std::uint32_t any_category() noexcept { return random_.below(kCategories.size()); }
  std::uint32_t any_region() noexcept { return random_.below(static_cast<std::uint32_t>(regions().size())); }

  const PageFacts& facts_;
  const ShopSize& shop_;
  Shopper& shopper_;
  Random& random_;
};

}  // namespace

std::optional<std::string> request_for(Interaction interaction, const PageFacts& facts, const ShopSize& shop,
                                       Shopper& shopper, Random& random) {
  return Writer{facts, shop, shopper, random}.write(interaction);
}

}  // namespace sluice::loadgen
