#include "server/tls/session_store.hpp"

#include <atomic>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace sluice::tls {
namespace {

using namespace std::chrono_literals;

constexpr WallSeconds kNow{1'000'000s};

/// An ID that ends up anywhere, like a random one.
std::string id_of(unsigned number) {
  std::string id;
  for (unsigned i = 0; i < kSessionIdSize; ++i)
    id += static_cast<char>((number + 1) * 2'654'435'761U >> (i % 24));
  id[0] = static_cast<char>(number);
  id[1] = static_cast<char>(number >> 8);
  return id;
}

admission::SessionRecord record_of(unsigned number) { return {.id = {1, number}, .admitted_at = kNow}; }

StoredSession session_of(unsigned number, std::chrono::seconds life = 1h) {
  return {.der = SecretBytes{as_bytes("session " + std::to_string(number))},
          .record = record_of(number),
          .expires_at = kNow + life};
}

void put(SessionStore& store, unsigned number, std::chrono::seconds life = 1h, WallSeconds now = kNow) {
  store.put(as_bytes(id_of(number)), session_of(number, life), now);
}
bool has(const SessionStore& store, unsigned number, WallSeconds now = kNow) {
  return store.record_of(as_bytes(id_of(number)), now) == record_of(number);
}

TEST(SessionStore, ReturnsWhatWasPut) {
  SessionStore store{10};
  put(store, 1);
  const auto found = store.get(as_bytes(id_of(1)), kNow);
  ASSERT_TRUE(found);
  const Bytes der = found->der.view();
  EXPECT_EQ(std::string(der.begin(), der.end()), "session 1");
  EXPECT_EQ(found->record, record_of(1));
  EXPECT_TRUE(has(store, 1));
  EXPECT_FALSE(store.get(as_bytes(id_of(2)), kNow));
  EXPECT_FALSE(has(store, 2));
}

TEST(SessionStore, ForgetsWhatIsRemoved) {
  SessionStore store{10};
  put(store, 1);
  put(store, 2);
  store.remove(as_bytes(id_of(1)));
  store.remove(as_bytes(id_of(3)));
  EXPECT_FALSE(has(store, 1));
  EXPECT_TRUE(has(store, 2));
  EXPECT_EQ(store.size(), 1U);
}

TEST(SessionStore, ASessionOfTheSameIdReplacesTheOld) {
  SessionStore store{10};
  put(store, 1);
  store.put(as_bytes(id_of(1)), session_of(5), kNow);
  EXPECT_EQ(store.record_of(as_bytes(id_of(1)), kNow), record_of(5));
  EXPECT_EQ(store.size(), 1U);
}

TEST(SessionStore, ExpiresAfterTheLastSecond) {
  SessionStore store{10};
  put(store, 1, 60s);
  EXPECT_TRUE(has(store, 1, kNow + 60s));
  EXPECT_TRUE(store.get(as_bytes(id_of(1)), kNow + 60s));
  EXPECT_FALSE(has(store, 1, kNow + 61s));
  EXPECT_EQ(store.size(), 1U) << "a look changes nothing";
  EXPECT_FALSE(store.get(as_bytes(id_of(1)), kNow + 61s));
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(store.evictions(), 0U);
}

TEST(SessionStore, EvictsWhatWasNotUsedForLongest) {
  SessionStore store{3, 1};
  for (unsigned i = 1; i <= 3; ++i) put(store, i);
  EXPECT_TRUE(store.get(as_bytes(id_of(1)), kNow));  // used: now 2 is the oldest
  EXPECT_TRUE(has(store, 2));                        // only looked at
  put(store, 4);
  EXPECT_FALSE(has(store, 2));
  EXPECT_TRUE(has(store, 1) && has(store, 3) && has(store, 4));
  EXPECT_EQ(store.evictions(), 1U);
}

TEST(SessionStore, CountsNoEvictionOfAnExpiredSession) {
  SessionStore store{1, 1};
  put(store, 1, 60s);
  put(store, 2, 1h, kNow + 61s);
  EXPECT_EQ(store.evictions(), 0U);
  put(store, 3, 2h, kNow + 61s);
  EXPECT_EQ(store.evictions(), 1U);
}

TEST(SessionStore, HoldsNoMoreThanItsCapacity) {
  for (const std::size_t capacity : {0U, 1U, 2U, 15U, 16U, 17U, 100U}) {
    SessionStore store{capacity};
    for (unsigned i = 0; i < 2'000; ++i) {
      put(store, i);
      ASSERT_LE(store.size(), capacity);
    }
    EXPECT_EQ(store.size(), capacity);
    EXPECT_EQ(store.evictions(), capacity == 0 ? 0 : 2'000 - capacity);
  }
}

TEST(SessionStore, TakesNeitherForeignIdsNorHugeSessions) {
  SessionStore store{10};
  for (const std::size_t size : {std::size_t{0}, kSessionIdSize - 1, kSessionIdSize + 1, std::size_t{64}}) {
    const std::string id(size, 'i');
    store.put(as_bytes(id), session_of(1), kNow);
    EXPECT_FALSE(store.get(as_bytes(id), kNow));
    EXPECT_FALSE(store.record_of(as_bytes(id), kNow));
    store.remove(as_bytes(id));
  }
  store.put(as_bytes(id_of(1)), {.der = SecretBytes{SessionStore::kSessionMax + 1}, .expires_at = kNow},
            kNow);
  EXPECT_EQ(store.size(), 0U);
}

TEST(SessionStore, IsSharedByThreads) {
  SessionStore store{64};
  std::atomic<unsigned> wrong{0};
  const auto work = [&](unsigned seed) {
    for (unsigned i = 0; i < 5'000; ++i) {
      const unsigned number = (i * 7 + seed) % 200;
      if (i % 3 == 0) put(store, number);
      if (i % 17 == 0) store.remove(as_bytes(id_of(number)));
      const auto found = store.get(as_bytes(id_of(number)), kNow);
      if (found && found->record != record_of(number)) ++wrong;
    }
  };
  std::thread other(work, 3);
  work(0);
  other.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_LE(store.size(), 64U);
}

// Sessions that move. ------------------------------------------------------------------------------

constexpr MemberNumber kB = 22, kC = 33;

TEST(MovingSessions, HaveOneOwner) {
  SessionStore store{10};
  put(store, 1);
  const auto given = store.give(as_bytes(id_of(1)), kB, kNow);
  ASSERT_TRUE(given.session);
  EXPECT_EQ(given.session->record, record_of(1));
  EXPECT_FALSE(has(store, 1));
  EXPECT_FALSE(store.get(as_bytes(id_of(1)), kNow));
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(store.given_to(as_bytes(id_of(1)), kNow), kB);

  const auto again = store.give(as_bytes(id_of(1)), kC, kNow);
  EXPECT_FALSE(again.session);
  EXPECT_EQ(again.last_given_to, kB) << "there it can be asked for";
  EXPECT_EQ(store.given_to(as_bytes(id_of(1)), kNow), kC);
}

TEST(MovingSessions, AreHereAgainWhenTheyAreBack) {
  SessionStore store{10};
  put(store, 1);
  store.give(as_bytes(id_of(1)), kB, kNow);
  put(store, 1);
  EXPECT_TRUE(has(store, 1));
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(store.given_to(as_bytes(id_of(1)), kNow), 0U);
}

TEST(MovingSessions, WhereTheyAreIsForgottenWithThem) {
  SessionStore store{10};
  put(store, 1, 10s);
  store.give(as_bytes(id_of(1)), kB, kNow);
  EXPECT_EQ(store.given_to(as_bytes(id_of(1)), kNow + 10s), kB);
  EXPECT_EQ(store.given_to(as_bytes(id_of(1)), kNow + 11s), 0U);
  EXPECT_EQ(store.give(as_bytes(id_of(1)), kC, kNow + 11s).last_given_to, 0U);
}

SessionStore::Word word_of(unsigned number, MemberNumber at, std::chrono::seconds life = 1h) {
  SessionStore::Word word{.at = at, .expires_at = kNow + life};
  const std::string id = id_of(number);
  std::copy(id.begin(), id.end(), word.id.begin());
  return word;
}

TEST(MovingSessions, AreWhereAMemberSaysUnlessTheyAreHere) {
  SessionStore store{10};
  put(store, 1);
  put(store, 2);
  store.give(as_bytes(id_of(1)), kB, kNow);
  for (unsigned number : {1U, 2U, 3U}) store.note(word_of(number, kC), kNow);
  store.note(word_of(4, kC, -1s), kNow);
  store.note(word_of(5, 0), kNow);
  EXPECT_EQ(store.given_to(as_bytes(id_of(1)), kNow), kC);
  EXPECT_TRUE(has(store, 2));
  EXPECT_EQ(store.given_to(as_bytes(id_of(3)), kNow), kC);
  EXPECT_EQ(store.given_to(as_bytes(id_of(4)), kNow - 1s), 0U);
  EXPECT_EQ(store.words(kNow).size(), 2U);
  EXPECT_TRUE(store.words(kNow + 2h).empty());
  EXPECT_EQ(store.size(), 1U);
}

TEST(MovingSessions, AreTakenWithoutATrace) {
  SessionStore store{100};
  for (unsigned i = 0; i < 20; ++i) put(store, i, i == 3 ? 1s : 1h);
  store.give(as_bytes(id_of(5)), kB, kNow);
  EXPECT_EQ(store.take(7, kNow + 2s).size(), 7U);
  EXPECT_EQ(store.take(SIZE_MAX, kNow + 2s).size(), 11U) << "less one that expired, one that was given away";
  EXPECT_EQ(store.size(), 0U);
  EXPECT_TRUE(store.take(SIZE_MAX, kNow + 2s).empty());
  EXPECT_EQ(store.given_to(as_bytes(id_of(5)), kNow), kB);
}

TEST(MovingSessions, AreTakenOnlyWhenNotUsedForAWhileIfThatIsAsked) {
  SessionStore store{100};
  for (unsigned i = 0; i < 8; ++i) put(store, i);
  for (unsigned i = 0; i < 3; ++i) ASSERT_TRUE(store.get(as_bytes(id_of(i)), kNow + 6s));
  EXPECT_EQ(store.take(SIZE_MAX, kNow + 7s, kNow + 2s).size(), 5U);
  for (unsigned i = 0; i < 3; ++i) EXPECT_TRUE(has(store, i)) << i;
  EXPECT_TRUE(store.take(SIZE_MAX, kNow + 7s, kNow + 2s).empty());
}

TEST(MovingSessions, ThoseGivenAwayCountForTheBoundButNotAsEvicted) {
  SessionStore store{2, 1};
  put(store, 1);
  put(store, 2);
  store.give(as_bytes(id_of(1)), kB, kNow);
  put(store, 3);
  EXPECT_EQ(store.evictions(), 0U);
  EXPECT_EQ(store.given_to(as_bytes(id_of(1)), kNow), 0U);
  EXPECT_EQ(store.size(), 2U);
}

}  // namespace
}  // namespace sluice::tls
