#include "loadgen/io/wire.hpp"

#include <algorithm>
#include <initializer_list>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::loadgen {
namespace {

using Vector = std::vector<std::uint8_t>;

Vector join(std::initializer_list<Vector> parts) {
  Vector all;
  for (const auto& part : parts)
    for (const std::uint8_t byte : part) all.push_back(byte);
  return all;
}

std::uint8_t low(std::size_t value) { return static_cast<std::uint8_t>(value); }

Vector extension(std::uint16_t type, const Vector& content) {
  return join({{low(type >> 8), low(type), 0, low(content.size())}, content});
}

Vector message(std::uint8_t type, const Vector& session_id, const Vector& middle, const Vector& extensions) {
  const Vector body = join({{3, 3},
                            Vector(32, 7),
                            {low(session_id.size())},
                            session_id,
                            middle,
                            {0, low(extensions.size())},
                            extensions});
  return join({{type, 0, 0, low(body.size())}, body});
}

Vector client_hello(const Vector& session_id, const Vector& extensions) {
  return message(1, session_id, {0, 2, 0x13, 0x01, 1, 0}, extensions);
}
Vector server_hello(const Vector& session_id, const Vector& extensions) {
  return message(2, session_id, {0x13, 0x01, 0}, extensions);
}

const Vector kId(32, 0xab);

TEST(OfferOf, Psk) { EXPECT_EQ(offer_of(client_hello(kId, extension(41, {1, 2})), {}), Offer::psk); }
TEST(OfferOf, Ticket) { EXPECT_EQ(offer_of(client_hello(kId, extension(35, {1})), {}), Offer::ticket); }
TEST(OfferOf, EmptyTicketIsJustAWish) {
  EXPECT_EQ(offer_of(client_hello({}, extension(35, {})), {}), Offer::none);
}
TEST(OfferOf, SessionIdWeMeant) {
  EXPECT_EQ(offer_of(client_hello(kId, extension(35, {})), kId), Offer::session_id);
}
TEST(OfferOf, SessionIdOfCompatibilityModeIsNothing) {
  EXPECT_EQ(offer_of(client_hello(kId, {}), {}), Offer::none);
}

// What was cut off can't be an offer; that nothing is read past the end, the sanitizers see.
TEST(OfferOf, EveryPrefixOffersNothing) {
  const Vector hello = client_hello(kId, extension(41, {1, 2, 3}));
  for (std::size_t size = 0; size < hello.size(); ++size) {
    const Vector prefix(hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(offer_of(prefix, {}), Offer::none) << size;
  }
}

TEST(ChoiceOf, Tls13Resumed) {
  const Vector extensions = join({extension(43, {3, 4}), extension(41, {0, 0})});
  const auto choice = choice_of(server_hello(kId, extensions));
  ASSERT_TRUE(choice);
  EXPECT_TRUE(choice->tls13);
  EXPECT_TRUE(choice->psk);
  EXPECT_FALSE(choice->retry);
}

TEST(ChoiceOf, Tls12KeepsTheSessionId) {
  const Vector hello = server_hello(kId, extension(35, {}));
  const auto choice = choice_of(hello);
  ASSERT_TRUE(choice);
  EXPECT_FALSE(choice->tls13);
  EXPECT_TRUE(std::ranges::equal(choice->session_id, kId));
}

TEST(ChoiceOf, AnotherMessageIsNone) { EXPECT_FALSE(choice_of(client_hello(kId, {}))); }

}  // namespace
}  // namespace sluice::loadgen
