#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/server/tls/handshake_rig.hpp"

/// The promise of the second stage: without a grant the private key is not used, whatever a client shows.
namespace sluice::tls {
namespace {

using namespace std::chrono_literals;
using Answer = HandshakeGuard::Answer;

struct Server {
  const char* name;
  int version;
  KeyKind key;
};

/// What a client comes with; the session may be null.
struct Visitor {
  std::string what;
  Session session{};
  bool tickets = true;
  bool resume = true;  ///< The guard's answer.
};

class PrivateKey : public testing::TestWithParam<Server> {
 protected:
  Client client(const Visitor& visitor) const {
    return {.version = GetParam().version, .tickets = visitor.tickets, .session = visitor.session.get()};
  }
  bool tls13() const { return GetParam().version == TLS1_3_VERSION; }

  Session genuine(bool tickets = true) {
    ScriptedGuard guard;
    Outcome outcome = rig_.visit({.version = GetParam().version, .tickets = tickets}, &guard);
    EXPECT_TRUE(outcome.session);
    return std::move(outcome.session);
  }
  Session with_ticket(SSL_SESSION& session, const std::string& ticket) {
    return replaced(session, ticket_in(session), ticket);
  }

  /// Everybody who does not get in as a returning visitor.
  std::vector<Visitor> newcomers() {
    std::vector<Visitor> all;
    const Session session = genuine();
    const std::string ticket = ticket_in(*session);
    const auto ring = rig_.engine().ticket_keys().ring();
    const auto der = rig_.engine().codec().open(ring->current(), as_bytes(ticket)).value();
    TicketKey same_name = make_ticket_key(wall_now());
    same_name.name = ring->current().name;

    all.push_back({.what = "fresh"});
    for (const std::size_t byte :
         {std::size_t{0}, kTicketNameSize, kTicketNameSize + kTicketIvSize, ticket.size() - 1})
      all.push_back({.what = "forged at " + std::to_string(byte),
                     .session = with_ticket(*session, flipped(ticket, byte * 8))});
    all.push_back({.what = "expired", .session = with_ticket(*session, aged(rig_.engine(), ticket, 13h))});
    all.push_back({.what = "foreign key",
                   .session = with_ticket(*session, seal(make_ticket_key(wall_now()), der.view()))});
    all.push_back({.what = "foreign key of the same name",
                   .session = with_ticket(*session, seal(same_name, der.view()))});
    all.push_back({.what = "declined", .session = genuine(), .resume = false});
    if (!tls13()) add_session_ids(all);
    return all;
  }

  void add_session_ids(std::vector<Visitor>& all) {
    Session stored = genuine(false);
    unsigned size = 0;
    const unsigned char* bytes = SSL_SESSION_get_id(stored.get(), &size);
    const std::string id(bytes, bytes + size);
    all.push_back({.what = "random session ID",
                   .session = replaced(*stored, id, std::string(id.size(), 'r')),
                   .tickets = false});
    all.push_back(
        {.what = "declined session ID", .session = std::move(stored), .tickets = false, .resume = false});
  }

  Rig rig_{GetParam().key};
};
INSTANTIATE_TEST_SUITE_P(Servers, PrivateKey,
                         testing::Values(Server{"Tls13Ecdsa", TLS1_3_VERSION, KeyKind::ecdsa},
                                         Server{"Tls13Rsa", TLS1_3_VERSION, KeyKind::rsa},
                                         Server{"Tls12Ecdsa", TLS1_2_VERSION, KeyKind::ecdsa},
                                         Server{"Tls12Rsa", TLS1_2_VERSION, KeyKind::rsa}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_P(PrivateKey, IsNeverUsedWithoutAGrant) {
  for (const Visitor& visitor : newcomers()) {
    ScriptedGuard guard;
    guard.sign = Answer::refuse;
    guard.resume = visitor.resume;
    const Outcome refused = rig_.visit(client(visitor), &guard);
    EXPECT_EQ(refused.key_operations, 0) << visitor.what;
    EXPECT_EQ(guard.asked_to_sign, 1) << visitor.what;
    EXPECT_EQ(refused.error, StreamError::refused) << visitor.what;
    EXPECT_EQ(refused.alert, SSL_AD_INTERNAL_ERROR) << visitor.what;
    EXPECT_EQ(refused.tickets, 0U) << visitor.what;
  }
}

TEST_P(PrivateKey, IsNotUsedWhileAHandshakeWaits) {
  for (const Visitor& visitor : newcomers()) {
    ScriptedGuard guard;
    guard.waits = 1'000;
    guard.resume = visitor.resume;
    const Outcome waiting = rig_.visit(client(visitor), &guard);
    EXPECT_EQ(waiting.key_operations, 0) << visitor.what;
    EXPECT_GT(waiting.suspended, 10) << visitor.what;
    EXPECT_FALSE(waiting.connected) << visitor.what;
  }
}

TEST_P(PrivateKey, IsUsedOnceForEachGrant) {
  for (const Visitor& visitor : newcomers()) {
    ScriptedGuard guard;
    guard.waits = 1;
    guard.resume = visitor.resume;
    const Outcome granted = rig_.visit(client(visitor), &guard);
    EXPECT_TRUE(granted.connected) << visitor.what << ": " << granted.error.message();
    EXPECT_FALSE(granted.resumed) << visitor.what;
    EXPECT_EQ(granted.key_operations, 1) << visitor.what;
  }
}

TEST_P(PrivateKey, IsNotUsedForAReturningVisitor) {
  for (const bool tickets : {true, false}) {
    if (!tickets && tls13()) continue;
    const Visitor visitor{.what = "genuine", .session = genuine(tickets), .tickets = tickets};
    ScriptedGuard guard;
    guard.sign = Answer::refuse;
    const Outcome again = rig_.visit(client(visitor), &guard);
    EXPECT_TRUE(again.connected && again.resumed);
    EXPECT_EQ(again.key_operations, 0);
  }
}

TEST_P(PrivateKey, IsNotUsedForAStolenTicket) {
  const Session session = genuine();
  std::string secret(SSL_MAX_MASTER_KEY_LENGTH, 0);
  secret.resize(SSL_SESSION_get_master_key(session.get(), reinterpret_cast<unsigned char*>(secret.data()),
                                           secret.size()));
  const Visitor thief{.what = "thief", .session = replaced(*session, secret, flipped(secret, 0))};
  ScriptedGuard guard;
  guard.sign = Answer::refuse;
  const Outcome outcome = rig_.visit(client(thief), &guard);
  EXPECT_FALSE(outcome.connected);
  EXPECT_EQ(outcome.key_operations, 0);
  EXPECT_EQ(guard.asked_to_resume.size(), 1U) << "the ticket is genuine";
}

TEST_P(PrivateKey, StageOneKnowsTheSameNewcomers) {
  for (const Visitor& visitor : newcomers()) {
    const Hello hello = hello_of(client(visitor));
    EXPECT_EQ(rig_.verify(hello), visitor.resume ? std::nullopt : std::optional{kVisit}) << visitor.what;
    if (!tls13()) continue;
    EXPECT_EQ(hello.session_id().size(), 32U) << "compatibility mode sends one: " << visitor.what;
  }
}

}  // namespace
}  // namespace sluice::tls
