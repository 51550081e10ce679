#include "apps/auction/web/page_cache.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cctype>
#include <random>
#include <thread>

#include "tests/unit/auction_store/support.hpp"
#include "tests/unit/auction_web/shop_fixture.hpp"

namespace sluice::auction::web::test {
namespace {

using auction::testing::Auction;
using auction::testing::bid_on;
using auction::testing::ManualClock;
using auction::testing::TemporaryFolder;

constexpr PageKey key_of(Id item) { return {Interaction::view_item, Family::people, {item}}; }

class Cache : public ::testing::Test {
 protected:
  KeptPage page_of(Id item, std::size_t bytes = 100) const {
    return {.key = key_of(item),
            .title = "",
            .body = std::string(bytes, 'x'),
            .topics = {{Topic::Kind::item, item}},
            .revision = repository_.revision(),
            .from = kNow};
  }
  bool has(Id item, WallSeconds now = kNow) { return cache_.find(key_of(item), repository_, now) != nullptr; }

  FakeData data_;
  FakeRepository repository_{data_};
  PageCacheCounts counts_;
  PageCache cache_{4'000, counts_};
};

TEST_F(Cache, ShowsWhatItKept) {
  EXPECT_FALSE(has(1));
  cache_.keep(page_of(1), repository_);
  ASSERT_TRUE(has(1));
  EXPECT_EQ(cache_.find(key_of(1), repository_, kNow)->body, std::string(100, 'x'));
  EXPECT_FALSE(has(2));
  EXPECT_EQ(cache_.find({Interaction::view_item, Family::rubis, {1}}, repository_, kNow), nullptr);
  EXPECT_EQ(counts_.hits, 2U);
  EXPECT_EQ(counts_.misses, 3U);
}

TEST_F(Cache, ShowsNothingThatHasChanged) {
  cache_.keep(page_of(1), repository_);
  ++data_.revision;
  EXPECT_FALSE(has(1));
  cache_.keep(page_of(1), repository_);
  EXPECT_TRUE(has(1));
}

TEST_F(Cache, KeepsNothingThatChangedWhileItWasMade) {
  KeptPage page = page_of(1);
  ++data_.revision;
  cache_.keep(std::move(page), repository_);
  EXPECT_FALSE(has(1));
}

TEST_F(Cache, ShowsNothingOfAStoreThatIsNotTrusted) {
  cache_.keep(page_of(1), repository_);
  data_.broken = true;
  EXPECT_FALSE(has(1));
}

TEST_F(Cache, ShowsNothingBeyondItsTime) {
  KeptPage page = page_of(1);
  page.until = kNow + std::chrono::seconds{60};
  cache_.keep(std::move(page), repository_);
  EXPECT_TRUE(has(1, kNow + std::chrono::seconds{59}));
  EXPECT_FALSE(has(1, kNow + std::chrono::seconds{60}));
  EXPECT_FALSE(has(1, kNow - std::chrono::seconds{1}));  // the clock was set back
}

TEST_F(Cache, ThePageThatNobodyAskedForGivesWay) {
  const Id few = 6;  // 4,000 bytes hold a few of 500 each, with what a page takes beside its text
  for (Id item = 1; item <= few; ++item) {
    cache_.keep(page_of(item, 500), repository_);
    EXPECT_TRUE(has(1));
    EXPECT_LE(counts_.bytes, 4'000U);
  }
  EXPECT_FALSE(has(2));
  EXPECT_TRUE(has(few));
  EXPECT_GT(counts_.evicted, 0U);
}

TEST_F(Cache, OnePageDoesNotDriveOutAllOthers) {
  cache_.keep(page_of(1), repository_);
  cache_.keep(page_of(2, 3'000), repository_);
  EXPECT_TRUE(has(1));
  EXPECT_FALSE(has(2));
}

TEST_F(Cache, KeepsNothingWithoutMemory) {
  PageCache none{0, counts_};
  none.keep(page_of(1), repository_);
  EXPECT_EQ(none.find(key_of(1), repository_, kNow), nullptr);
}

// ---------------------------------------------------------------------------------------------------------------
// The same visits to a shop that keeps pages and to one that does not, over one SQLite store.

ManualClock clock_of_both;

struct Shopfront {
  Shopfront(Auction& auction, std::size_t cache_bytes)
      : app({.rubis_client = true,
             .passwords = {.threads = 1, .queue_max = 8, .cost = kCostMin},
             .page_cache_bytes = cache_bytes,
             .now = [] { return clock_of_both.now(); }},
            // Closed by the test.
            std::shared_ptr<Store>(auction.store.get(), [](Store*) {})),
        processor(app.start({.index = 0, .executor = auction.loop.get_executor()})),
        browser(*processor, auction.loop) {}

  AuctionApp app;
  std::unique_ptr<server::AppProcessor> processor;
  Browser browser;
};

std::uint64_t metric(const AuctionApp& app, const std::string& name) {
  const std::string text = app.metrics();
  const auto at = text.find('\n' + name + ' ');
  return at == std::string::npos ? 0 : std::stoull(text.substr(at + name.size() + 2));
}

/// A store with some members and items.
class Stocked {
 protected:
  static constexpr Id kItems = 30;
  static constexpr Id kUsers = 4;

  explicit Stocked(unsigned seed) : random_(seed) {
    for (Id user = 1; user <= kUsers; ++user) {
      NewUser fresh = auction::testing::user_named("user" + std::to_string(user));
      fresh.region = 1 + user % 2;
      EXPECT_TRUE(auction_.wait(auction_.repository->register_user(fresh)));
    }
    for (Id item = 1; item <= kItems; ++item) add_item();
  }

  Id pick(Id from, Id to) { return std::uniform_int_distribution<Id>(from, to)(random_); }

  void add_item() {
    NewItem item = auction::testing::item_of(pick(0, kUsers + 2), "Thing " + std::to_string(random_()));
    item.days = pick(1, 2);
    item.quantity = pick(1, 2);
    item.buy_now = Cents{pick(5'000, 9'000)};
    item.category = pick(0, 2);  // there is no category 0, but RUBiS' client may say so
    EXPECT_TRUE(auction_.wait(auction_.repository->register_item(item)));
  }

  void write() {
    switch (pick(0, 9)) {
      case 0: return add_item();
      case 1:
        (void)auction_.wait(auction_.repository->register_user(
            auction::testing::user_named("new" + std::to_string(random_()))));
        return;
      case 2:
      case 3:
        (void)auction_.wait(auction_.repository->buy_now(auction::testing::purchase_of(pick(1, kItems), 1)));
        return;
      default:
        (void)auction_.wait(
            auction_.repository->place_bid(bid_on(pick(1, kItems), pick(1, 9), {pick(1'000, 100'000)})));
    }
  }

  std::string target() {
    static const std::string kServlets = "/rubis_servlets/servlet/edu.rice.rubis.servlets.";
    const auto number = [this](Id from, Id to) { return std::to_string(pick(from, to)); };
    switch (pick(0, 8)) {
      case 0: return "/item?itemId=" + number(0, kItems + 3);
      case 1: return kServlets + "ViewItem?itemId=" + number(0, kItems + 3);
      case 2: return "/search?category=" + number(1, 3) + "&page=" + number(0, 2) + "&nbOfItems=5";
      case 3:
        return kServlets + "SearchItemsByCategory?category=" + number(1, 2) + "&page=" + number(0, 3) +
               "&nbOfItems=4";
      case 4:
        return "/search?region=" + number(1, 2) + "&category=" + number(1, 2) + "&page=" + number(0, 1) +
               "&nbOfItems=3";
      case 5: return "/";
      case 6: return "/browse/categories";
      case 7: return "/browse/regions";
      default: return "/browse";
    }
  }

  std::mt19937 random_;
  TemporaryFolder folder_;
  Auction auction_{{.file = folder_ / "auction.db", .clock = [] { return clock_of_both.now(); }}};
};

class Twins : public Stocked, public ::testing::TestWithParam<unsigned> {
 protected:
  Twins() : Stocked(GetParam()) {}
};

class Bidding : public Stocked, public ::testing::Test {
 protected:
  Bidding() : Stocked(1) {}
};

TEST_P(Twins, CannotBeToldApart) {
  Shopfront keeps{auction_, 1 << 20}, reads{auction_, 0};
  for (int step = 0; step < 4'000; ++step) {
    if (pick(0, 9) == 0) write();
    if (pick(0, 19) == 0)
      clock_of_both.advance(std::chrono::seconds{pick(0, 1) == 0 ? pick(1, 5) : pick(60, 3'600)});
    const std::string where = target();
    const Reply kept = keeps.browser.get(where), read = reads.browser.get(where);
    ASSERT_EQ(kept.body, read.body) << where << " after " << step << " steps";
    ASSERT_EQ(kept.status, read.status) << where;
  }
  EXPECT_GT(metric(keeps.app, "sluice_auction_page_cache_lookups_total{outcome=\"hit\"}"), 1'000U);
  EXPECT_EQ(metric(reads.app, "sluice_auction_page_cache_lookups_total{outcome=\"hit\"}"), 0U);
}

/// The price that a page of an item shows, in cents.
std::int64_t shown_price(const Reply& reply) {
  static constexpr std::string_view kBefore = "<p class=\"amount\">$";
  std::string digits;
  const auto at = reply.body.find(kBefore);
  if (at == std::string::npos) return -1;
  for (std::size_t i = at + kBefore.size(); reply.body[i] != '<'; ++i) {
    if (std::isdigit(static_cast<unsigned char>(reply.body[i])) != 0) digits += reply.body[i];
  }
  return std::stoll(digits);
}

/// While somebody bids all the time: who has seen a price in one place never sees an earlier one in another.
TEST_F(Bidding, ShowsNoPriceEarlierThanOneSeenBefore) {
  constexpr int kBids = 3'000;
  const Id item = 1;
  Shopfront keeps{auction_, 1 << 20};
  std::atomic<bool> done{false};
  std::thread bidder([&] {
    boost::asio::io_context loop{1};
    auto repository = auction_.store->repository(loop.get_executor());
    for (int bid = 0; bid < kBids; ++bid) {
      const Cents amount{100'000 + 100 * std::int64_t{bid}};
      auto outcome = auction::testing::wait_for(loop, repository->place_bid(bid_on(item, 1, amount)));
      EXPECT_TRUE(outcome && outcome->result == BidResult::accepted);
    }
    done = true;
  });
  std::int64_t seen = 0;
  while (!done) {
    seen = std::max(seen, auction_.wait(auction_.repository->item(item)).value()->price().value);
    const std::int64_t shown = shown_price(keeps.browser.get("/item?itemId=1"));
    EXPECT_GE(shown, seen);
    seen = shown;
  }
  bidder.join();
  EXPECT_EQ(shown_price(keeps.browser.get("/item?itemId=1")), 100'000 + 100 * (kBids - 1));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Twins, ::testing::Range(1U, 5U));

}  // namespace
}  // namespace sluice::auction::web::test
