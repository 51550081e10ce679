#include "server/tls/ticket_keys.hpp"

#include <string>

#include <gtest/gtest.h>

namespace sluice::tls {
namespace {

using namespace std::chrono_literals;

constexpr WallSeconds kNow{1'000'000s};

TicketKey key_named(char letter, WallSeconds created_at) {
  TicketKey key{.created_at = created_at};
  key.name.fill(static_cast<std::uint8_t>(letter));
  return key;
}

/// The letters of the keys' names, current first.
std::string letters(const TicketKeyRing& ring) {
  std::string text;
  for (const TicketKey& key : ring.keys()) text += static_cast<char>(key.name[0]);
  return text;
}

struct RotateCase {
  const char* name;
  std::chrono::seconds lifetime, session_timeout;
  std::chrono::seconds age_of_a, age_of_b;  ///< When the fresh key "c" comes; b is the current one.
  const char* expected;
};
class Rotate : public testing::TestWithParam<RotateCase> {};

TEST_P(Rotate, KeepsKeysAsLongAsTheirTicketsLive) {
  const RotateCase& row = GetParam();
  const TicketKeyOptions options{.lifetime = row.lifetime, .session_timeout = row.session_timeout};
  const TicketKeyRing a{key_named('a', kNow - row.age_of_a)};
  const TicketKeyRing ring = rotate(a, key_named('b', kNow - row.age_of_b), kNow - row.age_of_b, options);
  ASSERT_EQ(letters(ring), "ba");
  const TicketKeyRing next = rotate(ring, key_named('c', kNow), kNow, options);
  EXPECT_EQ(letters(next), row.expected);
  EXPECT_EQ(next.current().name[0], 'c');
  EXPECT_EQ(letters(ring), "ba") << "a ring never changes";
}

INSTANTIATE_TEST_SUITE_P(TicketKeys, Rotate,
                         testing::Values(RotateCase{"AllYoung", 10s, 30s, 20s, 10s, "cba"},
                                         RotateCase{"LastMoment", 10s, 30s, 40s, 10s, "cba"},
                                         RotateCase{"OldestIsOver", 10s, 30s, 41s, 10s, "cb"},
                                         RotateCase{"NobodyRotatedForLong", 10s, 30s, 41s, 41s, "c"},
                                         RotateCase{"ClockWentBack", 10s, 30s, -50s, -90s, "cba"}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(TicketKeyRing, IsBounded) {
  const TicketKeyOptions options{.lifetime = 1s, .session_timeout = 1h};
  TicketKeyRing ring{key_named(0, kNow)};
  for (char i = 1; i < 40; ++i) {
    ring = rotate(ring, key_named(i, kNow), kNow, options);
    ASSERT_LE(ring.keys().size(), TicketKeyRing::kKeysMax);
    ASSERT_EQ(ring.current().name[0], i);
  }
  EXPECT_EQ(ring.keys().size(), TicketKeyRing::kKeysMax);
  EXPECT_EQ(ring.keys().back().name[0], 40 - TicketKeyRing::kKeysMax);
}

TEST(TicketKeyRing, FindsKeysByTheirWholeName) {
  const TicketKeyRing ring = rotate(TicketKeyRing{key_named('a', kNow)}, key_named('b', kNow), kNow, {});
  EXPECT_EQ(ring.find(as_bytes(std::string(16, 'b'))), &ring.keys()[0]);
  EXPECT_EQ(ring.find(as_bytes(std::string(16, 'a'))), &ring.keys()[1]);
  EXPECT_EQ(ring.find(as_bytes(std::string(15, 'a') + 'b')), nullptr);
  EXPECT_EQ(ring.find(as_bytes(std::string(15, 'a'))), nullptr);
  EXPECT_EQ(ring.find({}), nullptr);
}

TEST(TicketKeys, RotateWhenTheCurrentKeyHasHadItsLife) {
  TicketKeys keys{{.lifetime = 12h, .session_timeout = 1h}, kNow};
  const auto before = keys.ring();
  EXPECT_FALSE(keys.maybe_rotate(kNow));
  EXPECT_FALSE(keys.maybe_rotate(kNow + 12h - 1s));
  EXPECT_EQ(keys.ring(), before);
  EXPECT_EQ(keys.age(kNow + 11h), 11h);

  EXPECT_TRUE(keys.maybe_rotate(kNow + 12h));
  EXPECT_FALSE(keys.maybe_rotate(kNow + 12h));
  EXPECT_EQ(keys.age(kNow + 12h), 0s);
  EXPECT_NE(keys.ring()->current().name, before->current().name);
  EXPECT_NE(keys.ring()->find(before->current().name), nullptr);
  EXPECT_EQ(before->keys().size(), 1U) << "who holds a ring keeps it as it was";

  EXPECT_TRUE(keys.maybe_rotate(kNow + 26h));
  EXPECT_EQ(keys.ring()->find(before->current().name), nullptr);
}

TEST(TicketKeys, AreRandom) {
  const TicketKey a = make_ticket_key(kNow);
  const TicketKey b = make_ticket_key(kNow);
  const auto bytes = [](const auto& secret) {
    return std::string(secret.data(), secret.data() + secret.size());
  };
  EXPECT_NE(a.name, b.name);
  EXPECT_NE(bytes(a.aes), bytes(b.aes));
  EXPECT_NE(bytes(a.hmac), bytes(b.hmac));
  EXPECT_NE(bytes(a.hmac), bytes(a.aes));
}

}  // namespace
}  // namespace sluice::tls
