#include "server/tls/screen.hpp"

#include <gtest/gtest.h>

#include "server/tls/session_facts.hpp"
#include "tests/unit/server/tls/handshake_rig.hpp"
#include "tests/unit/server/tls/hello_builder.hpp"

namespace sluice::tls {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

/// A hello that shows `token` as the given version does.
Hello hello_with(const std::string& token, int version) {
  HelloBuilder builder;
  if (version == TLS1_3_VERSION) {
    builder.add(43, supports({0x0304}));
    builder.add(41, vec(2, vec(2, token) + "aaaa") + vec(2, vec(1, std::string(32, 'b'))));
  } else {
    builder.add(35, token);
  }
  return classify(as_bytes(builder.bytes())).value();
}

class Verify : public testing::TestWithParam<int> {
 protected:
  /// Of a session that carries kVisit.
  const std::string& ticket() {
    if (ticket_.empty()) ticket_ = ticket_in(*issue().session);
    return ticket_;
  }
  Outcome issue() {
    ScriptedGuard guard;
    return rig_.visit({.version = version()}, &guard);
  }
  std::optional<admission::SessionRecord> verify(const std::string& token) {
    return rig_.verify(hello_with(token, version()));
  }
  Proof prove(const std::string& token) { return rig_.prove(hello_with(token, version())); }
  std::string der() {
    const auto open = rig_.engine().codec().open(key(), as_bytes(ticket()));
    return {open.value().view().begin(), open.value().view().end()};
  }
  const TicketKey& key() { return rig_.engine().ticket_keys().ring()->current(); }
  int version() const { return GetParam(); }

  Rig rig_{};

 private:
  std::string ticket_{};
};
INSTANTIATE_TEST_SUITE_P(Versions, Verify, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& test) { return test.param == TLS1_3_VERSION ? "Tls13"s : "Tls12"s; });

TEST_P(Verify, KnowsAGenuineTicket) { EXPECT_EQ(verify(ticket()), kVisit); }

TEST_P(Verify, ReadsTheHelloThatAClientReallySends) {
  const Outcome first = issue();
  const Hello hello = hello_of({.version = version(), .session = first.session.get()});
  EXPECT_EQ(hello.claim(), HelloClaim::resuming);
  EXPECT_EQ(rig_.verify(hello), kVisit);
  EXPECT_FALSE(rig_.verify(hello_of({.version = version()})));
}

TEST_P(Verify, KnowsATicketThatWasSealedByHand) { EXPECT_EQ(verify(seal(key(), as_bytes(der()))), kVisit); }

TEST_P(Verify, RejectsATicketWithAnyBitChanged) {
  for (std::size_t bit = 0; bit < ticket().size() * 8; ++bit) {
    // Whoever names a key of ours can only have made it up; other names come from other servers, or long ago.
    const Proof expected{.forged = bit >= kTicketNameSize * 8};
    ASSERT_EQ(prove(flipped(ticket(), bit)), expected) << bit;
  }
}

TEST_P(Verify, DoesNotTakeAnOldTicketForAForgedOne) {
  const auto hello = hello_with(ticket(), version());
  const auto late = wall_now() + rig_.engine().session_timeout() + 1s;
  EXPECT_EQ(rig_.engine().issuer().verify(hello, late), Proof{});
}

TEST_P(Verify, RejectsAnyPartOfATicket) {
  for (std::size_t size = 1; size < ticket().size(); ++size) {
    ASSERT_FALSE(verify(ticket().substr(0, size))) << size;
    ASSERT_FALSE(verify(ticket().substr(size))) << size;
  }
}

TEST_P(Verify, RejectsATicketWithSomethingBehindIt) {
  EXPECT_FALSE(verify(ticket() + "x"));
  EXPECT_FALSE(verify(ticket() + std::string(16, 'x')));
  EXPECT_FALSE(verify(ticket() + std::string(kTokenMax, 'x')));
}

TEST_P(Verify, RejectsAKeyOfAnotherServer) {
  EXPECT_FALSE(verify(seal(make_ticket_key(wall_now()), as_bytes(der()))));
  TicketKey same_name = make_ticket_key(wall_now());
  same_name.name = key().name;
  EXPECT_FALSE(verify(seal(same_name, as_bytes(der()))));
}

TEST_P(Verify, RejectsWhatIsGenuineButNoSession) {
  EXPECT_FALSE(verify(seal(key(), {})));
  EXPECT_FALSE(verify(seal(key(), as_bytes("no session at all, but sealed by us"))));
  EXPECT_FALSE(verify(seal(key(), as_bytes(der() + "x"))));
  EXPECT_FALSE(verify(seal(key(), as_bytes(der().substr(1)))));
}

TEST_P(Verify, RejectsATicketOnceItHasExpired) {
  const Hello hello = hello_with(ticket(), version());
  const WallSeconds issued{std::chrono::seconds{SSL_SESSION_get_time(parse_session(as_bytes(der())).get())}};
  const std::chrono::seconds timeout = rig_.engine().session_timeout();
  EXPECT_TRUE(rig_.engine().issuer().verify(hello, issued + timeout).record);
  EXPECT_FALSE(rig_.engine().issuer().verify(hello, issued + timeout + 1s).record);
}

TEST_P(Verify, RejectsATicketThatSaysItHasExpired) {
  const Session session = parse_session(as_bytes(der()));
  SSL_SESSION_set_timeout(session.get(), 10);
  const Hello hello = hello_with(seal(key(), serialize_session(*session).view()), version());
  const WallSeconds issued{std::chrono::seconds{SSL_SESSION_get_time(session.get())}};
  EXPECT_TRUE(rig_.engine().issuer().verify(hello, issued + 10s).record);
  EXPECT_EQ(rig_.engine().issuer().verify(hello, issued + 11s), Proof{});
}

TEST_P(Verify, LetsNoTicketSayThatItLivesLongerThanSessionsDo) {
  const Session session = parse_session(as_bytes(der()));
  SSL_SESSION_set_timeout(session.get(), 1'000'000);
  const std::string ticket = seal(key(), serialize_session(*session).view());
  const WallSeconds issued{std::chrono::seconds{SSL_SESSION_get_time(session.get())}};
  const Hello hello = hello_with(ticket, version());
  EXPECT_TRUE(rig_.engine().issuer().verify(hello, issued).record);
  EXPECT_FALSE(rig_.engine().issuer().verify(hello, issued + rig_.engine().session_timeout() + 1s).record);
}

TEST_P(Verify, RejectsATicketWithoutARecordAndWithAForeignOne) {
  const Session session = parse_session(as_bytes(der()));
  set_record(*session, std::nullopt);
  EXPECT_FALSE(verify(seal(key(), serialize_session(*session).view())));
  SSL_SESSION_set1_ticket_appdata(session.get(), "another program's", 17);
  EXPECT_FALSE(verify(seal(key(), serialize_session(*session).view())));
  set_record(*session, kVisit);
  EXPECT_EQ(verify(seal(key(), serialize_session(*session).view())), kVisit);
}

TEST_P(Verify, ReadsOfASessionWhatOpensslReads) {
  const Session session = parse_session(as_bytes(der()));
  set_record(*session, kVisit);
  const SecretBytes bytes = serialize_session(*session);
  const auto same = [](const SessionFacts& a, const SessionFacts& b) {
    return a.version == b.version && a.issued == b.issued && a.timeout == b.timeout && a.record == b.record;
  };
  const auto facts = facts_of(bytes.view());
  ASSERT_TRUE(facts);
  EXPECT_TRUE(same(*facts, facts_of(*session)));
  EXPECT_EQ(facts->record, kVisit);

  // With a field at its end that OpenSSL does not know, it is for us to read.
  std::string longer(bytes.view().begin(), bytes.view().end());
  ASSERT_EQ(longer.substr(0, 2), std::string_view("\x30\x81")) << "less than 256 bytes are taken for granted";
  longer += std::string_view{"\xbe\x01\x00", 3};
  longer[2] = static_cast<char>(longer[2] + 3);
  EXPECT_FALSE(parse_session(as_bytes(longer)));
  const auto ours = facts_of(as_bytes(longer));
  ASSERT_TRUE(ours);
  EXPECT_TRUE(same(*ours, *facts));
}

TEST_P(Verify, NeverReadsBeyondASession) {
  const std::string whole = der();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(facts_of(as_bytes(whole.substr(0, size))));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char byte : {'\0', '\x7f', '\x80', '\x82', '\x84', '\xff'}) {
      std::string broken = whole;
      broken[at] = byte;
      facts_of(as_bytes(broken));  // sanitizers look on
    }
  }
}

TEST_P(Verify, RejectsATicketOfAnotherProtocolVersion) {
  const int other = version() == TLS1_3_VERSION ? TLS1_2_VERSION : TLS1_3_VERSION;
  EXPECT_FALSE(rig_.verify(hello_with(ticket(), other)));
}

TEST_P(Verify, KnowsTicketsOfTheKeyBeforeAndForgetsThemWithIt) {
  const WallSeconds now = wall_now();
  ASSERT_EQ(verify(ticket()), kVisit);
  ASSERT_TRUE(rig_.engine().ticket_keys().renew(now + 12h, true));
  EXPECT_EQ(verify(ticket()), kVisit);
  ASSERT_TRUE(rig_.engine().ticket_keys().renew(now + 40h, true));
  EXPECT_FALSE(verify(ticket()));
}

TEST(VerifySessionId, KnowsOnlyStoredSessions) {
  Rig rig;
  ScriptedGuard guard;
  const Client client{.version = TLS1_2_VERSION, .tickets = false};
  const Outcome first = rig.visit(client, &guard);
  ASSERT_TRUE(first.session);
  const Hello hello = hello_of({.version = TLS1_2_VERSION, .tickets = false, .session = first.session.get()});
  ASSERT_EQ(hello.session_id().size(), kSessionIdSize);
  EXPECT_EQ(rig.verify(hello), kVisit);
  EXPECT_FALSE(rig.engine().issuer().verify(hello, wall_now() + rig.engine().session_timeout() + 1s).record);

  HelloBuilder builder;
  const Bytes id = hello.session_id();
  builder.session_id = flipped(std::string(id.begin(), id.end()), 255);
  EXPECT_FALSE(rig.verify(classify(as_bytes(builder.bytes())).value()));

  rig.engine().sessions().remove(id);
  EXPECT_FALSE(rig.verify(hello));
}

TEST(VerifySessionId, MeansNothingBesideATicketOrTls13) {
  Rig rig;
  ScriptedGuard guard;
  const Outcome first = rig.visit({.version = TLS1_2_VERSION, .tickets = false}, &guard);
  unsigned size = 0;
  const unsigned char* id = SSL_SESSION_get_id(first.session.get(), &size);
  HelloBuilder builder;
  builder.session_id.assign(id, id + size);
  ASSERT_EQ(rig.verify(classify(as_bytes(builder.bytes())).value()), kVisit);
  HelloBuilder tls13 = builder;
  tls13.add(43, supports({0x0304}));
  EXPECT_FALSE(rig.verify(classify(as_bytes(tls13.bytes())).value()));
  EXPECT_FALSE(rig.verify(classify(as_bytes(builder.add(35, "no ticket of ours").bytes())).value()));
}

TEST(Screen, AnswersBothStagesQuestionsAtOnce) {
  Rig rig;
  ScriptedGuard guard;
  const Outcome first = rig.visit({}, &guard);
  HelloBuilder builder;
  builder.add(43, supports({0x0304}));
  const std::string newcomer = builder.bytes();
  builder.add(41, vec(2, vec(2, ticket_in(*first.session)) + "aaaa") + vec(2, vec(1, std::string(32, 'b'))));
  const auto screen = [&](const std::string& bytes, std::size_t most = kHelloMax) {
    return classify(as_bytes(bytes), rig.engine().issuer(), wall_now(), most);
  };
  EXPECT_EQ(screen(builder.bytes()).value().proof.record, kVisit);
  EXPECT_EQ(screen(builder.bytes()).value().hello, classify(as_bytes(builder.bytes())).value());
  EXPECT_EQ(screen(newcomer).value().proof.record, std::nullopt);
  EXPECT_EQ(screen(newcomer.substr(0, 30)).error(), HelloError::need_more);
  EXPECT_EQ(screen(newcomer, 40).error(), HelloError::too_large);
}

TEST(Hello, KeepsTheTokenThatItsVersionResumesWith) {
  const auto token = [](const HelloBuilder& builder) {
    const Hello hello = classify(as_bytes(builder.bytes())).value();
    return std::string(hello.token().begin(), hello.token().end());
  };
  const std::string identity = vec(2, vec(2, "first") + "aaaa" + vec(2, "second") + "aaaa") +
                               vec(2, vec(1, std::string(32, 'b')) + vec(1, std::string(32, 'b')));
  EXPECT_EQ(token(HelloBuilder{}.add(35, "ticket")), "ticket");
  EXPECT_EQ(token(HelloBuilder{}.add(35, "ticket").add(43, supports({0x0304}))), "");
  EXPECT_EQ(token(HelloBuilder{}.add(35, "ticket").add(43, supports({0x0304})).add(41, identity)), "first");
  EXPECT_EQ(token(HelloBuilder{}.add(35, "ticket").add(41, identity)), "ticket");
  EXPECT_EQ(token(HelloBuilder{}.add(35, std::string(kTokenMax, 't'))), std::string(kTokenMax, 't'));
  EXPECT_EQ(token(HelloBuilder{}.add(35, std::string(kTokenMax + 1, 't'))), "");
  const Hello hello = classify(as_bytes(HelloBuilder{}.bytes())).value();
  EXPECT_EQ(std::string(hello.random.begin(), hello.random.end()), std::string(32, 'r'));
}

}  // namespace
}  // namespace sluice::tls
