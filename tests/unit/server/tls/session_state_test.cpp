#include "server/tls/session_state.hpp"

#include <gtest/gtest.h>

#include "tests/unit/server/tls/handshake_rig.hpp"

namespace sluice::tls {
namespace {

using namespace std::chrono_literals;

const Client kWithId{.version = TLS1_2_VERSION, .tickets = false};

/// A session as a client has made it, taken out of the server it is stored at.
struct Visit {
  Rig rig{};
  ScriptedGuard guard{};
  Outcome outcome = rig.visit(kWithId, &guard);
  SessionState state = [this] {
    auto taken = rig.engine().sessions().take(10, wall_now());
    if (taken.size() != 1) std::abort();
    return SessionState{.id = taken[0].first, .session = std::move(taken[0].second)};
  }();
};

SecretBuffer written(const SessionState& state) {
  SecretBuffer bytes;
  encode(state, bytes);
  return bytes;
}

TEST(SessionState, ReadsWhatItWrites) {
  const Visit visit;
  const SecretBuffer bytes = written(visit.state);
  EXPECT_LE(bytes.size(), kSessionStateMax);
  const auto state = decode_session_state(bytes, wall_now(), 12h);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->id, visit.state.id);
  EXPECT_EQ(state->session.record, kVisit);
  EXPECT_EQ(state->session.expires_at, visit.state.session.expires_at);
  EXPECT_EQ(written(*state), bytes);
}

/// The purpose of it all.
TEST(SessionState, ResumesAtAnotherServer) {
  Visit visit;
  Rig other;
  const auto state = decode_session_state(written(visit.state), wall_now(), 12h);
  ASSERT_TRUE(state);
  other.engine().sessions().put(state->id, state->session, wall_now());
  Client again = kWithId;
  again.session = visit.outcome.session.get();
  ScriptedGuard guard;
  const Outcome outcome = other.visit(again, &guard);
  EXPECT_TRUE(outcome.connected);
  EXPECT_TRUE(outcome.resumed);
  EXPECT_EQ(outcome.key_operations, 0);
  ASSERT_EQ(guard.asked_to_resume.size(), 1U);
  EXPECT_EQ(guard.asked_to_resume[0], kVisit) << "the admission record came along";
  EXPECT_FALSE(visit.rig.visit(again, &guard).resumed) << "and it is gone from where it was";
}

TEST(SessionState, NothingTruncatedOrLongerIsTaken) {
  const Visit visit;
  SecretBuffer bytes = written(visit.state);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_session_state(Bytes{bytes}.first(size), wall_now(), 12h)) << size;
  bytes.push_back(0);
  EXPECT_FALSE(decode_session_state(bytes, wall_now(), 12h));
}

TEST(SessionState, IsRefusedUnlessEverythingFits) {
  const Visit visit;
  const auto refused = [&](auto change, const char* what) {
    SessionState state = visit.state;
    change(state);
    EXPECT_FALSE(decode_session_state(written(state), wall_now(), 12h)) << what;
  };
  refused([](auto& state) { state.id[5] ^= 1; }, "the ID is another session's");
  refused([](auto& state) { state.session.expires_at = wall_now() - 1s; }, "it has expired");
  refused([](auto& state) { state.session.expires_at = wall_now() + 12h + 5s; }, "it lives too long");
  refused([](auto& state) { state.session.der = SecretBytes{as_bytes("no session")}; }, "it does not parse");
  SecretBuffer bytes = written(visit.state);
  bytes[0] = 2;
  EXPECT_FALSE(decode_session_state(bytes, wall_now(), 12h)) << "another version";
  bytes = written(visit.state);
  bytes[1 + kSessionIdSize + 8 + 1] ^= 0x80;
  EXPECT_FALSE(decode_session_state(bytes, wall_now(), 12h)) << "the record is none";
}

TEST(SessionState, OfTls13IsNotOne) {
  Rig rig;
  ScriptedGuard guard;
  const Outcome outcome = rig.visit({}, &guard);
  ASSERT_TRUE(outcome.session);
  unsigned size = 0;
  const unsigned char* id = SSL_SESSION_get_id(outcome.session.get(), &size);
  ASSERT_EQ(size, kSessionIdSize);
  SessionState state{.session = {.der = serialize_session(*outcome.session), .expires_at = wall_now() + 1h}};
  std::copy_n(id, size, state.id.begin());
  EXPECT_FALSE(decode_session_state(written(state), wall_now(), 12h));
}

}  // namespace
}  // namespace sluice::tls
