#include "server/place.hpp"

#include <string>

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

using namespace std::chrono_literals;

constexpr WallSeconds kNow{1'800'000'000s};

TEST(PlaceBook, ReadsWhatItSigned) {
  const PlaceBook book;
  const Place place = book.issue(std::nullopt, kNow, 5s);
  EXPECT_EQ(place.since, kNow);
  EXPECT_EQ(place.not_before, kNow + 5s);
  const auto read = book.check(book.sign(place), kNow);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->since, place.since);
  EXPECT_EQ(read->not_before, place.not_before);
  EXPECT_EQ(read->visitor, place.visitor);
}

TEST(PlaceBook, KeepsThePlaceOfWhoComesBackTooEarly) {
  const PlaceBook book;
  const Place first = book.issue(std::nullopt, kNow, 5s);
  const Place again = book.issue(first, kNow + 3s, 4s);
  EXPECT_EQ(again.since, kNow);
  EXPECT_EQ(again.visitor, first.visitor);
  EXPECT_EQ(again.not_before, kNow + 7s);
}

TEST(PlaceBook, BelievesNobodyElse) {
  const PlaceBook book, other;
  const std::string value = book.sign(book.issue(std::nullopt, kNow, 5s));
  EXPECT_FALSE(other.check(value, kNow)) << "signed with another key";
  EXPECT_FALSE(book.check("", kNow));
  EXPECT_FALSE(book.check(value.substr(1), kNow));
  EXPECT_FALSE(book.check(value + "0", kNow));
  for (std::size_t i = 0; i < value.size(); ++i) {
    std::string changed = value;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_FALSE(book.check(changed, kNow)) << "character " << i;
  }
}

TEST(PlaceBook, ForgetsAPlaceThatWasNotTaken) {
  const PlaceBook book;
  const std::string value = book.sign(book.issue(std::nullopt, kNow, 5s));
  EXPECT_TRUE(book.check(value, kNow + 5s + PlaceBook::kLifetime));
  EXPECT_FALSE(book.check(value, kNow + 6s + PlaceBook::kLifetime));
}

TEST(PlaceBook, LetsAPlaceBeUsedOnce) {
  PlaceBook book;
  const Place place = book.issue(std::nullopt, kNow, 5s), other = book.issue(std::nullopt, kNow, 5s);
  EXPECT_TRUE(book.use(place));
  EXPECT_FALSE(book.use(place));
  EXPECT_TRUE(book.use(other));
}

TEST(PlaceBook, NeverForgetsTheNewestUses) {
  PlaceBook book;
  Place place{.visitor = 1};
  ASSERT_TRUE(book.use(place));
  for (std::uint64_t visitor = 2; visitor <= 70'000; ++visitor) book.use(Place{.visitor = visitor});
  EXPECT_FALSE(book.use(place)) << "one generation later it is still known";
}

}  // namespace
}  // namespace sluice::server
