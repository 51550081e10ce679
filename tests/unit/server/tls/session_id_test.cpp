#include "server/tls/session_id.hpp"

#include <set>

#include <gtest/gtest.h>

namespace sluice::tls {
namespace {

using namespace std::chrono_literals;

constexpr WallSeconds kNow{1'000'000s};

TEST(SessionId, NamesItsOwner) {
  const TicketKeyRing ring{make_ticket_key(kNow)};
  SessionIdBytes id{};
  for (const MemberNumber owner : {0U, 1U, 0x01020304U, 0xffffffffU}) {
    ASSERT_TRUE(make_session_id(ring.current(), owner, id));
    EXPECT_EQ(owner_of(ring, id), owner);
  }
}

TEST(SessionId, IsNeverTheSame) {
  const TicketKeyRing ring{make_ticket_key(kNow)};
  std::set<SessionIdBytes> seen;
  for (int i = 0; i < 1000; ++i) {
    SessionIdBytes id{};
    ASSERT_TRUE(make_session_id(ring.current(), 7, id));
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(SessionId, NoBitCanBeChanged) {
  const TicketKeyRing ring{make_ticket_key(kNow)};
  SessionIdBytes id{};
  ASSERT_TRUE(make_session_id(ring.current(), 7, id));
  for (std::size_t bit = 0; bit < 8 * id.size(); ++bit) {
    SessionIdBytes other = id;
    other[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    EXPECT_FALSE(owner_of(ring, other)) << "bit " << bit;
  }
  EXPECT_FALSE(owner_of(ring, Bytes{id}.first(31)));
  EXPECT_FALSE(owner_of(ring, {}));
}

TEST(SessionId, OfAnotherClusterIsNobodys) {
  const TicketKeyRing ours{make_ticket_key(kNow)}, theirs{make_ticket_key(kNow)};
  SessionIdBytes id{};
  ASSERT_TRUE(make_session_id(theirs.current(), 7, id));
  EXPECT_FALSE(owner_of(ours, id));
  id[0] = ours.current().name[0];  // also when the hint is right
  EXPECT_FALSE(owner_of(ours, id));
}

TEST(SessionId, OfAnEarlierKeyIsKnownAsLongAsTheKey) {
  TicketKey first = make_ticket_key(kNow), second = make_ticket_key(kNow + 10s);
  second.name[0] = first.name[0];  // both fit the hint
  const TicketKeyRing both = merge(TicketKeyRing{first}, {&second, 1}, kNow + 10s, {});
  SessionIdBytes id{};
  ASSERT_TRUE(make_session_id(first, 7, id));
  EXPECT_EQ(owner_of(both, id), 7U);
  EXPECT_FALSE(owner_of(TicketKeyRing{second}, id));
}

TEST(SessionId, MembersHaveDifferentNumbers) {
  std::set<MemberNumber> numbers;
  for (int i = 0; i < 256; ++i) numbers.insert(number_of_member("sluice-" + std::to_string(i)));
  EXPECT_EQ(numbers.size(), 256U);
  EXPECT_FALSE(numbers.contains(0));
}

}  // namespace
}  // namespace sluice::tls
