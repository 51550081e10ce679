#include "server/tls/ticket_keys.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::tls {
namespace {

using namespace std::chrono_literals;

constexpr WallSeconds kNow{1'000'000s};

TicketKey key_named(char letter, WallSeconds active_at, std::uint64_t generation = 1) {
  TicketKey key{.active_at = active_at, .generation = generation};
  key.name.fill(static_cast<std::uint8_t>(letter));
  return key;
}

/// The letters of the keys' names, newest first, the current one in capitals.
std::string letters(const TicketKeyRing& ring) {
  std::string text;
  for (const TicketKey& key : ring.keys()) {
    const char letter = static_cast<char>(key.name[0]);
    text += key.name == ring.current().name ? static_cast<char>(letter - 'a' + 'A') : letter;
  }
  return text;
}

struct MergeCase {
  const char* name;
  std::vector<TicketKey> keys;  ///< The first is there, the others come.
  const char* expected;
};
class Merge : public testing::TestWithParam<MergeCase> {};

constexpr std::chrono::seconds kLifetime{10}, kTimeout{30};

TicketKeyOptions options_of(std::chrono::seconds lifetime = kLifetime, bool clustered = false) {
  return {.lifetime = lifetime, .session_timeout = kTimeout, .clustered = clustered};
}

TEST_P(Merge, IsTheSameInAnyOrderAndPart) {
  auto keys = GetParam().keys;
  const TicketKeyRing whole = merge(TicketKeyRing{keys[0]}, std::span(keys).subspan(1), kNow, options_of());
  EXPECT_EQ(letters(whole), GetParam().expected);
  std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  do {
    TicketKeyRing ring{keys[0]};
    for (const TicketKey& key : keys) ring = merge(ring, {&key, 1}, kNow, options_of());
    EXPECT_EQ(letters(ring), GetParam().expected);
    EXPECT_EQ(ring.fingerprint(), whole.fingerprint());
  } while (std::next_permutation(keys.begin(), keys.end(),
                                 [](const auto& a, const auto& b) { return a.name < b.name; }));
}

INSTANTIATE_TEST_SUITE_P(
    TicketKeys, Merge,
    testing::Values(
        MergeCase{"ByGeneration", {key_named('a', kNow, 1), key_named('b', kNow - 5s, 2)}, "Ba"},
        MergeCase{"ThenByTime", {key_named('a', kNow - 1s), key_named('b', kNow - 5s)}, "Ab"},
        MergeCase{"ThenByName", {key_named('a', kNow), key_named('b', kNow)}, "Ba"},
        MergeCase{"NextIsKnownAndWaits", {key_named('a', kNow - 9s, 1), key_named('b', kNow + 1s, 2)}, "bA"},
        MergeCase{
            "OfAStartComesAfterTheClusters", {key_named('a', kNow, 0), key_named('b', kNow - 9s, 7)}, "Ba"},
        MergeCase{"TwoLeadersAtOnce",
                  {key_named('a', kNow - 9s, 1), key_named('b', kNow - 1s, 2), key_named('c', kNow - 2s, 2)},
                  "Bca"},
        MergeCase{
            "LastTicketStillOpens", {key_named('a', kNow - 40s, 1), key_named('b', kNow - 1s, 2)}, "Ba"},
        MergeCase{"LastTicketIsOver", {key_named('a', kNow - 41s, 1), key_named('b', kNow - 1s, 2)}, "B"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(TicketKeyRing, KeysOfAFarFutureAreNotTaken) {
  const TicketKey key = key_named('b', kNow + 2 * kLifetime + 1s, 2);
  EXPECT_EQ(letters(merge(TicketKeyRing{key_named('a', kNow)}, {&key, 1}, kNow, options_of())), "A");
}

TEST(TicketKeyRing, CurrentStaysWhenNobodyRenewsIt) {
  const TicketKeyRing ring{key_named('a', kNow - 1h)};
  EXPECT_EQ(letters(merge(ring, {}, kNow, options_of())), "A");
}

TEST(TicketKeyRing, CurrentStaysWhenTheClockGoesBack) {
  const TicketKeyRing ring{key_named('a', kNow)};
  EXPECT_EQ(letters(merge(ring, {}, kNow - 5s, options_of())), "A");
}

TEST(TicketKeyRing, IsBounded) {
  TicketKeyRing ring{key_named('a', kNow, 1)};
  for (char i = 1; i < 25; ++i) {
    const TicketKey key = key_named(static_cast<char>('a' + i), kNow, std::uint64_t{1} + i);
    ring = merge(ring, {&key, 1}, kNow, options_of());
    ASSERT_LE(ring.keys().size(), TicketKeyRing::kKeysMax);
    ASSERT_EQ(ring.current().name[0], 'a' + i);
  }
  EXPECT_EQ(letters(ring), "Yxwvutsrqponmlkj");
}

TEST(TicketKeyRing, BoundNeverTakesTheCurrentKey) {
  TicketKeyRing ring{key_named('a', kNow, 1)};
  for (char i = 1; i < 25; ++i) {
    const TicketKey key = key_named(static_cast<char>('a' + i), kNow + 5s, std::uint64_t{1} + i);
    ring = merge(ring, {&key, 1}, kNow, options_of());
  }
  EXPECT_EQ(ring.current().name[0], 'a');
  EXPECT_EQ(ring.keys().size(), TicketKeyRing::kKeysMax);
}

struct NextCase {
  const char* name;
  std::chrono::seconds lifetime;
  bool clustered;
  std::vector<TicketKey> keys;
  std::optional<std::chrono::seconds> expected;  ///< From now.
};
class Next : public testing::TestWithParam<NextCase> {};

TEST_P(Next, IsMadeInTime) {
  const NextCase& row = GetParam();
  const auto options = options_of(row.lifetime, row.clustered);
  const TicketKeyRing ring = merge(TicketKeyRing{row.keys[0]}, row.keys, kNow, options);
  const auto at = next_active_at(ring, kNow, options);
  ASSERT_EQ(at.has_value(), row.expected.has_value());
  if (at.has_value()) {
    EXPECT_EQ(*at - kNow, *row.expected);
  }
}

INSTANTIATE_TEST_SUITE_P(
    TicketKeys, Next,
    testing::Values(NextCase{"NotYet", 100s, false, {key_named('a', kNow - 74s)}, std::nullopt},
                    NextCase{"AQuarterBefore", 100s, false, {key_named('a', kNow - 75s)}, 25s},
                    NextCase{"AnHourBeforeAtMost", 12h, false, {key_named('a', kNow - 11h)}, 1h},
                    NextCase{
                        "NotAnHourAndASecond", 12h, false, {key_named('a', kNow - 11h + 1s)}, std::nullopt},
                    NextCase{"Late", 100s, false, {key_named('a', kNow - 500s)}, 0s},
                    NextCase{"LateInACluster", 100s, true, {key_named('a', kNow - 500s)}, 2s},
                    NextCase{"OneIsWaiting",
                             100s,
                             true,
                             {key_named('a', kNow - 90s), key_named('b', kNow + 10s, 2)},
                             std::nullopt},
                    NextCase{"ClusterHasNone", 100s, true, {key_named('a', kNow, 0)}, 2s},
                    NextCase{"AloneItsOwnIsGood", 100s, false, {key_named('a', kNow, 0)}, std::nullopt}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(TicketKeyRing, FindsKeysByTheirWholeName) {
  const TicketKey b = key_named('b', kNow, 2);
  const TicketKeyRing ring = merge(TicketKeyRing{key_named('a', kNow)}, {&b, 1}, kNow, {});
  EXPECT_EQ(ring.find(as_bytes(std::string(16, 'b'))), &ring.keys()[0]);
  EXPECT_EQ(ring.find(as_bytes(std::string(16, 'a'))), &ring.keys()[1]);
  EXPECT_EQ(ring.find(as_bytes(std::string(15, 'a') + 'b')), nullptr);
  EXPECT_EQ(ring.find(as_bytes(std::string(15, 'a'))), nullptr);
  EXPECT_EQ(ring.find({}), nullptr);
}

TEST(TicketKeys, AreRenewedWhenTheCurrentOneHasHadItsLife) {
  TicketKeys keys{{.lifetime = 12h, .session_timeout = 1h}, kNow};
  const auto before = keys.ring();
  EXPECT_FALSE(keys.renew(kNow, true));
  EXPECT_FALSE(keys.renew(kNow + 11h - 1s, true));
  EXPECT_EQ(keys.ring(), before);
  EXPECT_EQ(keys.age(kNow + 11h), 11h);

  EXPECT_FALSE(keys.renew(kNow + 11h, false)) << "it is not this one's turn";
  EXPECT_TRUE(keys.renew(kNow + 11h, true));
  EXPECT_EQ(keys.ring()->current().name, before->current().name) << "known, and not used yet";
  EXPECT_EQ(keys.ring()->keys().size(), 2U);
  EXPECT_FALSE(keys.renew(kNow + 12h, true));
  EXPECT_EQ(keys.age(kNow + 12h), 0s);
  EXPECT_NE(keys.ring()->current().name, before->current().name);
  EXPECT_NE(keys.ring()->find(before->current().name), nullptr);
  EXPECT_EQ(before->keys().size(), 1U) << "who holds a ring keeps it as it was";

  EXPECT_TRUE(keys.renew(kNow + 26h, true));
  EXPECT_EQ(keys.ring()->find(before->current().name), nullptr);
}

TEST(TicketKeys, OfAClusterAreThoseOfAllItsMembers) {
  TicketKeys a{options_of(100s, true), kNow}, b{options_of(100s, true), kNow};
  const auto exchange = [&] { return a.add(b.ring()->keys(), kNow) | b.add(a.ring()->keys(), kNow); };
  EXPECT_TRUE(exchange());
  EXPECT_FALSE(exchange());
  EXPECT_EQ(a.ring()->fingerprint(), b.ring()->fingerprint());
  EXPECT_TRUE(a.renew(kNow, true));
  EXPECT_FALSE(b.renew(kNow, false));
  EXPECT_TRUE(exchange());
  a.renew(kNow + 2s, true), b.renew(kNow + 2s, false);
  EXPECT_EQ(a.ring()->current().generation, 1U);
  EXPECT_EQ(a.ring()->current().name, b.ring()->current().name);

  TicketKeys c{options_of(100s, true), kNow + 50s};
  c.replace(a.ring()->keys(), kNow + 50s);
  EXPECT_EQ(c.ring()->current().name, a.ring()->current().name);
  EXPECT_EQ(c.ring()->fingerprint(), a.ring()->fingerprint()) << "its own was of no use";
}

TEST(TicketKeys, OfASecretAreTheSameForAllWhoKnowIt) {
  TicketKeyOptions options = options_of(100s, true);
  options.secret = SecretBytes{as_bytes("a secret of thirty-two bytes ....")};
  TicketKeys a{options, kNow}, late{options, kNow - 40s};
  EXPECT_EQ(a.ring()->current().active_at, kNow) << "1,000,000 is a multiple of 100";
  EXPECT_NE(late.ring()->current().name, a.ring()->current().name);
  EXPECT_NE(late.ring()->find(a.ring()->current().name), nullptr) << "opens what others seal already";
  for (auto now = kNow; now < kNow + 350s; now += 10s) a.renew(now, false), late.renew(now - 40s, false);
  EXPECT_EQ(a.ring()->current().active_at, kNow + 300s);
  EXPECT_EQ(late.ring()->current().active_at, kNow + 300s);
  EXPECT_EQ(a.ring()->current().name, late.ring()->current().name);
  EXPECT_LE(a.ring()->keys().size(), 4U) << "the old ones go";

  options.secret = SecretBytes{as_bytes("another secret of thirty-two bytes")};
  const TicketKeys other{options, kNow};
  EXPECT_EQ(other.ring()->find(a.ring()->current().name), nullptr);
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
