#include "cluster/tcp/flip_protocol.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cluster_tcp/samples.hpp"

namespace sluice::cluster::tcp {
namespace {

constexpr std::uint64_t kNow = 1'700'000'000'000;
constexpr std::uint64_t kAge = 30'000;

tls::SecretBytes secret(char byte) { return tls::SecretBytes{as_bytes(std::string(kSecretMin, byte))}; }

FlipOrder order(std::uint64_t nonce, std::uint16_t moves = 1, std::uint64_t time = kNow) {
  return {.nonce = nonce,
          .time_ms = time,
          .flip = {.flow = flow_v4(), .mac = {2, 0, 0, 0, 0, 1}, .moves = moves}};
}

TEST(FlipOrders, AreOpenedWithTheirSecretOnly) {
  const auto bytes = seal(order(1), secret('a'));
  EXPECT_EQ(bytes.size(), kOrderSize);
  EXPECT_EQ(open_order(bytes, secret('a')), order(1));
  EXPECT_FALSE(open_order(bytes, secret('b')));
  const FlipAnswer answer{.nonce = 1, .result = FlipResult::busy};
  EXPECT_EQ(seal(answer, secret('a')).size(), kAnswerSize);
  EXPECT_EQ(open_answer(seal(answer, secret('a')), secret('a')), answer);
  EXPECT_FALSE(open_answer(seal(answer, secret('a')), secret('b')));
}

TEST(FlipOrders, AreNotOpenedWhenABitIsAnother) {
  const auto good = seal(order(1), secret('a'));
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    auto bytes = good;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    EXPECT_FALSE(open_order(bytes, secret('a'))) << bit;
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(open_order(Bytes{good}.first(size), secret('a')));
}

TEST(FlipOrders, ToAGroupAreNone) {
  FlipOrder wrong = order(1);
  wrong.flip.mac[0] = 0xff;
  EXPECT_FALSE(open_order(seal(wrong, secret('a')), secret('a')));
}

TEST(FlipOrders, EachResultHasItsSentence) {
  for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(FlipResult::count); ++i)
    EXPECT_STRNE(text_of(static_cast<FlipResult>(i)), text_of(FlipResult::count));
}

TEST(FlipBook, AnOrderIsCarriedOutOnceAndAnsweredAgain) {
  FlipBook book;
  EXPECT_FALSE(book.look(order(1), kNow).answer);
  book.answered(order(1), FlipResult::busy);
  EXPECT_EQ(book.look(order(1), kNow).answer, FlipResult::busy);
  EXPECT_FALSE(book.look(order(2), kNow).answer);
}

TEST(FlipBook, OrdersOfAnotherTimeAreNotBelieved) {
  FlipBook book;
  EXPECT_TRUE(book.look(order(1, 1, kNow - kAge), kNow).fresh);
  EXPECT_FALSE(book.look(order(1, 1, kNow - kAge - 1), kNow).fresh);
  EXPECT_TRUE(book.look(order(1, 1, kNow + kAge), kNow).fresh);
  EXPECT_FALSE(book.look(order(1, 1, kNow + kAge + 1), kNow).fresh);
  EXPECT_FALSE(book.look(order(1, 1, ~std::uint64_t{0}), kNow).fresh);
}

/// Otherwise whoever recorded it could have it carried out once it is forgotten.
TEST(FlipBook, AnOrderIsRememberedAsLongAsItIsBelieved) {
  FlipBook book;
  const FlipOrder early = order(1, 1, kNow + kAge);
  book.answered(early, FlipResult::done);
  for (std::uint64_t now = kNow; now <= kNow + 3 * kAge; now += 1000) {
    const auto look = book.look(early, now);
    EXPECT_TRUE(!look.fresh || look.answer == FlipResult::done) << now - kNow;
  }
}

TEST(FlipBook, AnEarlierMoveThatComesLateIsNotCarriedOut) {
  FlipBook book;
  book.answered(order(1, 2), FlipResult::done);
  EXPECT_EQ(book.look(order(2, 1), kNow).answer, FlipResult::stale);
  EXPECT_FALSE(book.look(order(3, 2), kNow).answer) << "source and target both say so";
  EXPECT_FALSE(book.look(order(4, 3), kNow).answer);
  EXPECT_FALSE(book.look(order(5, 1, kNow + 2 * kAge), kNow + 2 * kAge).answer) << "a connection of later";
}

TEST(FlipBook, IsBounded) {
  FlipBook book;
  for (std::uint64_t nonce = 0; nonce < FlipBook::kMost; ++nonce)
    book.answered(order(nonce), FlipResult::done);
  EXPECT_EQ(book.look(order(FlipBook::kMost), kNow).answer, FlipResult::full);
  EXPECT_FALSE(book.look(order(1, 1, kNow + kAge + 1), kNow + kAge + 1).answer);
}

}  // namespace
}  // namespace sluice::cluster::tcp
