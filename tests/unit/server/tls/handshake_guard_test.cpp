#include "server/tls/handshake_guard.hpp"
#include "server/tls/handshake.hpp"

#include <gtest/gtest.h>

#include "tests/unit/server/tls/handshake_rig.hpp"

/// Real handshakes, for each way to resume.
namespace sluice::tls {
namespace {

using namespace std::chrono_literals;
using Answer = HandshakeGuard::Answer;

struct Way {
  const char* name;
  int version;
  bool tickets;
};

class Guarded : public testing::TestWithParam<Way> {
 protected:
  Client client(SSL_SESSION* session = nullptr) const {
    return {.version = GetParam().version, .tickets = GetParam().tickets, .session = session};
  }
  Client client(const Outcome& before) const { return client(before.session.get()); }
  bool tls13() const { return GetParam().version == TLS1_3_VERSION; }
  bool by_ticket() const { return GetParam().tickets; }
  Outcome visit(const Outcome& before, ScriptedGuard& guard) { return rig_.visit(client(before), &guard); }
  Outcome first_visit() {
    ScriptedGuard guard;
    return rig_.visit(client(), &guard);
  }

  Rig rig_{};
};
INSTANTIATE_TEST_SUITE_P(Ways, Guarded,
                         testing::Values(Way{"Tls13", TLS1_3_VERSION, true},
                                         Way{"Tls12Ticket", TLS1_2_VERSION, true},
                                         Way{"Tls12SessionId", TLS1_2_VERSION, false}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_P(Guarded, AVisitorWhoIsGrantedGetsASession) {
  ScriptedGuard guard;
  const Outcome first = rig_.visit(client(), &guard);
  EXPECT_TRUE(first.connected);
  EXPECT_FALSE(first.resumed);
  EXPECT_EQ(first.suspended, 0);
  EXPECT_EQ(guard.asked_to_sign, 1);
  EXPECT_TRUE(guard.asked_to_resume.empty());
  EXPECT_TRUE(first.session);
  EXPECT_EQ(first.tickets, tls13() ? 1U : 0U);
  EXPECT_EQ(rig_.engine().sessions().size(), by_ticket() ? 0U : 1U);
}

TEST_P(Guarded, AReturningVisitorResumesWithoutAGrant) {
  Outcome before = first_visit();
  for (int i = 0; i < 3; ++i) {
    ScriptedGuard guard;
    guard.sign = Answer::refuse;
    Outcome again = visit(before, guard);
    ASSERT_TRUE(again.connected && again.resumed) << i << again.error.message();
    EXPECT_EQ(guard.asked_to_sign, 0);
    EXPECT_EQ(guard.asked_to_resume, std::vector{kVisit});
    EXPECT_EQ(again.tickets, tls13() ? 1U : 0U) << "a client uses a ticket of TLS 1.3 once";
    before = std::move(again);
  }
}

TEST_P(Guarded, AReturningVisitorWhomTheGuardDeclinesIsNew) {
  const Outcome before = first_visit();
  ScriptedGuard guard;
  guard.resume = false;
  Outcome again = visit(before, guard);
  EXPECT_TRUE(again.connected);
  EXPECT_FALSE(again.resumed);
  EXPECT_EQ(guard.asked_to_sign, 1);
  EXPECT_TRUE(again.session) << "with a session of his own again";
  ScriptedGuard third;
  EXPECT_TRUE(visit(again, third).resumed);
}

TEST_P(Guarded, ARefusedVisitorGetsInternalErrorAndNoSession) {
  ScriptedGuard guard;
  guard.sign = Answer::refuse;
  const Outcome refused = rig_.visit(client(), &guard);
  EXPECT_FALSE(refused.connected);
  EXPECT_EQ(refused.error, StreamError::refused);
  EXPECT_EQ(refused.alert, SSL_AD_INTERNAL_ERROR);
  EXPECT_FALSE(refused.session);
  EXPECT_EQ(rig_.engine().sessions().size(), 0U);
}

TEST_P(Guarded, ADeclinedAndRefusedVisitorGetsInternalErrorAndMayReturn) {
  const Outcome before = first_visit();
  ScriptedGuard guard;
  guard.resume = false;
  guard.sign = Answer::refuse;
  const Session kept{SSL_SESSION_dup(before.session.get())};  // the client lets go of one that met an alert
  EXPECT_EQ(visit(before, guard).alert, SSL_AD_INTERNAL_ERROR);
  ScriptedGuard later;
  EXPECT_TRUE(rig_.visit(client(kept.get()), &later).resumed);
}

TEST_P(Guarded, AHandshakeWaitsForItsGrant) {
  ScriptedGuard guard;
  guard.waits = 3;
  const Outcome outcome = rig_.visit(client(), &guard);
  EXPECT_EQ(outcome.suspended, 3);
  EXPECT_EQ(guard.asked_to_sign, 4);
  EXPECT_TRUE(outcome.connected) << outcome.error.message();
  EXPECT_TRUE(outcome.session);
}

TEST_P(Guarded, AHandshakeThatWaitedMayBeRefused) {
  ScriptedGuard guard;
  guard.waits = 3;
  guard.sign = Answer::refuse;
  const Outcome outcome = rig_.visit(client(), &guard);
  EXPECT_EQ(outcome.suspended, 3);
  EXPECT_EQ(outcome.alert, SSL_AD_INTERNAL_ERROR);
  EXPECT_EQ(outcome.error, StreamError::refused);
}

TEST_P(Guarded, AVisitorWithoutARecordGetsNoSession) {
  ScriptedGuard guard;
  guard.issue = std::nullopt;
  const Outcome outcome = rig_.visit(client(), &guard);
  EXPECT_TRUE(outcome.connected);
  EXPECT_EQ(outcome.tickets, 0U);
  EXPECT_EQ(rig_.engine().sessions().size(), 0U);
  EXPECT_EQ(outcome.session != nullptr, !by_ticket());  // he has an ID, of nothing
  ScriptedGuard later;
  EXPECT_FALSE(visit(outcome, later).resumed);
}

TEST_P(Guarded, AVisitorWhoLosesHisRecordDuringTheHandshakeDoesNotResume) {
  ScriptedGuard guard;
  guard.issues = 1;  // enough for OpenSSL to promise a session
  const Outcome outcome = rig_.visit(client(), &guard);
  EXPECT_TRUE(outcome.connected);
  EXPECT_EQ(rig_.engine().sessions().size(), 0U);
  ASSERT_TRUE(outcome.session);
  EXPECT_FALSE(rig_.verify(hello_of(client(outcome))));
  ScriptedGuard later;
  EXPECT_FALSE(visit(outcome, later).resumed);
}

TEST_P(Guarded, AReturningVisitorWithoutARecordResumesAndGetsNothingNew) {
  const Outcome before = first_visit();
  ScriptedGuard guard;
  guard.issue = std::nullopt;
  const Outcome again = visit(before, guard);
  EXPECT_TRUE(again.resumed);
  EXPECT_EQ(again.tickets, 0U);
}

TEST_P(Guarded, ASessionOfAnUnguardedConnectionHasNoRecordAndDoesNotResumeUnderAGuard) {
  const Outcome before = rig_.visit(client(), nullptr);
  ASSERT_TRUE(before.session);
  EXPECT_TRUE(rig_.visit(client(before), nullptr).resumed);
  ScriptedGuard guard;
  const Outcome again = rig_.visit(client(before), &guard);
  EXPECT_TRUE(again.connected);
  EXPECT_FALSE(again.resumed);
  EXPECT_TRUE(guard.asked_to_resume.empty());
  EXPECT_FALSE(rig_.verify(hello_of(client(before))));
}

TEST_P(Guarded, ATicketCarriesTheRecordThatItsConnectionHadThen) {
  const admission::SessionRecord other{.id = {1, 2}, .admitted_at = kVisit.admitted_at, .epoch = 8};
  const Outcome before = first_visit();
  ScriptedGuard guard;
  guard.issue = other;
  const Outcome again = visit(before, guard);
  ASSERT_TRUE(again.resumed);
  EXPECT_EQ(rig_.verify(hello_of(client(again))), tls13() ? other : kVisit) << "renewed in TLS 1.3";
}

TEST_P(Guarded, TicketsOfAnOldKeyStillResumeAndAreRenewed) {
  if (!by_ticket()) GTEST_SKIP() << "a stored session has no key";
  const Outcome before = first_visit();
  const std::string old_name = ticket_in(*before.session).substr(0, kTicketNameSize);
  ASSERT_TRUE(rig_.engine().ticket_keys().renew(wall_now() + 12h, true));
  ScriptedGuard guard;
  const Outcome again = visit(before, guard);
  EXPECT_TRUE(again.resumed);
  ASSERT_TRUE(again.session);
  const TicketKey& current = rig_.engine().ticket_keys().ring()->current();
  const std::string name(current.name.begin(), current.name.end());
  EXPECT_NE(name, old_name);
  EXPECT_EQ(ticket_in(*again.session).substr(0, kTicketNameSize), name);
  ScriptedGuard third;
  EXPECT_TRUE(visit(again, third).resumed);
}

TEST_P(Guarded, AFatalAlertTakesAStoredSessionAwayAndAnEndWithoutCloseNotifyDoesNot) {
  if (by_ticket()) GTEST_SKIP() << "nobody can take a ticket back";
  const Outcome before = first_visit();  // visit() ends without close_notify
  ASSERT_EQ(rig_.engine().sessions().size(), 1U);
  ScriptedGuard guard;
  ASSERT_TRUE(visit(before, guard).resumed);
  ASSERT_EQ(rig_.engine().sessions().size(), 1U);

  SSL_SESSION* const session = before.session.get();
  std::string secret(SSL_MAX_MASTER_KEY_LENGTH, 0);
  secret.resize(
      SSL_SESSION_get_master_key(session, reinterpret_cast<unsigned char*>(secret.data()), secret.size()));
  const Session thief = replaced(*session, secret, flipped(secret, 5));
  ScriptedGuard third;
  const Outcome stolen = rig_.visit(client(thief.get()), &third);
  EXPECT_FALSE(stolen.connected);
  EXPECT_EQ(rig_.engine().sessions().size(), 0U);
}

TEST_P(Guarded, AWithheldSessionCanBeIssuedAfterTheHandshake) {
  ScriptedGuard guard;
  guard.issue = std::nullopt;
  const auto let_in = [&](TlsStream& stream) {
    stream.issue_session();  // nothing to issue yet
    EXPECT_EQ(rig_.engine().sessions().size(), 0U);
    guard.issue = kVisit;
    stream.issue_session();
  };
  const Outcome outcome = rig_.visit(client(), &guard, let_in, Issue::later);
  EXPECT_TRUE(outcome.connected);
  EXPECT_EQ(outcome.tickets, tls13() ? 1U : 0U);
  EXPECT_EQ(rig_.engine().sessions().size(), tls13() ? 0U : 1U);
  ASSERT_TRUE(outcome.session);
  EXPECT_EQ(rig_.verify(hello_of(client(outcome))), kVisit);
  ScriptedGuard later;
  EXPECT_TRUE(visit(outcome, later).resumed);
}

TEST_P(Guarded, AWithheldSessionDoesNotResume) {
  ScriptedGuard guard;
  guard.issue = std::nullopt;
  const Outcome outcome = rig_.visit(client(), &guard, {}, Issue::later);
  EXPECT_TRUE(outcome.connected);
  EXPECT_EQ(outcome.tickets, 0U);
  EXPECT_EQ(rig_.engine().sessions().size(), 0U);
  if (!outcome.session) return;  // a session ID of nothing
  EXPECT_EQ(rig_.verify(hello_of(client(outcome))), std::nullopt);
  ScriptedGuard later;
  const Outcome again = visit(outcome, later);
  EXPECT_TRUE(again.connected);
  EXPECT_FALSE(again.resumed);
}

TEST(Guard, ATicketIssuedWithTheLastWordIsSentBeforeIt) {
  Rig rig;
  ScriptedGuard guard;
  guard.issue = std::nullopt;
  const auto issue_and_end = [&](TlsStream& stream) {
    guard.issue = kVisit;
    stream.issue_session();
    const Step step = stream.shutdown();
    EXPECT_FALSE(step.error) << step.error.message();
  };
  EXPECT_EQ(rig.visit({}, &guard, issue_and_end, Issue::later).tickets, 1U);
}

TEST(Handshake, OpensAFewTicketsAndNoMore) {
  Handshake handshake{nullptr};
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(handshake.try_ticket());
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(handshake.try_ticket());
}

TEST(Handshake, AsksTheGuardOnceForEachRecord) {
  ScriptedGuard guard;
  Handshake handshake{&guard};
  const admission::SessionRecord other{.id = {1, 2}};
  EXPECT_TRUE(handshake.may_resume(kVisit));
  EXPECT_TRUE(handshake.may_resume(kVisit));
  guard.resume = false;
  EXPECT_TRUE(handshake.may_resume(kVisit));
  EXPECT_FALSE(handshake.may_resume(other));
  EXPECT_FALSE(handshake.may_resume(std::nullopt));
  EXPECT_EQ(guard.asked_to_resume, (std::vector{kVisit, other}));
}

TEST(Guard, IsAskedOnceThoughAHelloRetryRequestRepeatsTheHello) {
  Rig rig;
  // The client's key share is of a group that the server does not have.
  const Client client{.groups = "X448:P-256"};
  ScriptedGuard guard;
  guard.waits = 2;
  const Outcome first = rig.visit(client, &guard);
  ASSERT_TRUE(first.connected) << first.error.message();
  EXPECT_EQ(first.suspended, 2);
  EXPECT_EQ(guard.asked_to_sign, 3);
  EXPECT_EQ(first.key_operations, 1);

  ScriptedGuard second;
  const Outcome again = rig.visit({.session = first.session.get(), .groups = "X448:P-256"}, &second);
  EXPECT_TRUE(again.resumed);
  EXPECT_EQ(second.asked_to_resume.size(), 1U);
  EXPECT_EQ(second.asked_to_sign, 0);
}

TEST(Engine, KeepsNoStoredSessionsWhenItIsToldSo) {
  Rig rig{KeyKind::ecdsa, {.session_cache = 0}};
  ScriptedGuard guard;
  const Outcome first = rig.visit({.version = TLS1_2_VERSION, .tickets = false}, &guard);
  EXPECT_TRUE(first.connected);
  EXPECT_FALSE(first.session);
  EXPECT_EQ(rig.engine().sessions().size(), 0U);
  ScriptedGuard other;
  EXPECT_TRUE(rig.visit({.version = TLS1_2_VERSION}, &other).session) << "tickets need no store";
}

}  // namespace
}  // namespace sluice::tls
